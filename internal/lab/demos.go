package lab

import (
	"context"
	"errors"

	"terem/internal/fault"
	"terem/internal/lab/demo"
	"terem/internal/lab/place"
)

// DemoNames are the names of demonstrations.
func DemoNames(all []demo.Demo) (names []string) {
	for _, d := range all {
		names = append(names, d.Name)
	}
	return names
}

// Demonstrate gives those demonstrations that were named, all if none was, and hands each over when it is done.
func Demonstrate(ctx context.Context, o Options, all []demo.Demo, names []string, done func(demo.Done) error) (err error) {
	chosen, err := choose(fault.Field("Only"), names, all, func(d demo.Demo) string { return d.Name })
	if err != nil {
		return err
	}
	w, err := place.New(o.Terem, o.CacheDir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	for _, d := range chosen {
		given, err := demo.Give(ctx, w, d)
		if err != nil {
			return err
		}
		if err := done(given); err != nil {
			return err
		}
	}
	return nil
}
