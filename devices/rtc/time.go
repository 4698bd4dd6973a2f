package rtc

import "time"

// isTime says whether the byte at index is part of the time.
func isTime(index byte) bool {
	switch index {
	case idxSeconds, idxMinutes, idxHours, idxWeekday, idxDay, idxMonth, idxYear, idxCentury:
		return true
	}
	return false
}

// guestTime is what the guest's clock shows.
func (r *RTC) guestTime() time.Time { return r.now().UTC().Add(r.s.Offset) }

// updating is register A's UIP bit: on for the last moments of each second, so
// that a driver which saw it off has time to read all the bytes of one second.
func (r *RTC) updating() byte {
	if r.s.CMOS[idxB]&bSet != 0 {
		return 0
	}
	if time.Duration(r.guestTime().Nanosecond()) < time.Second-updateTime {
		return 0
	}
	return aUpdating
}

// latch writes the time of now into CMOS, in the format that B asks for.
func (r *RTC) latch() {
	t := r.guestTime()
	c := &r.s.CMOS
	c[idxSeconds] = r.encode(t.Second())
	c[idxMinutes] = r.encode(t.Minute())
	c[idxHours] = r.encodeHour(t.Hour())
	c[idxWeekday] = r.encode(int(t.Weekday()) + 1)
	c[idxDay] = r.encode(t.Day())
	c[idxMonth] = r.encode(int(t.Month()))
	c[idxYear] = r.encode(t.Year() % 100)
	c[idxCentury] = r.encode(t.Year() / 100 % 100)
}

// adopt makes the time in CMOS that of now. A date that there is not, such as the
// 31st of a shorter month, is carried over into the next one.
func (r *RTC) adopt() {
	c := &r.s.CMOS
	t := time.Date(
		r.decode(c[idxCentury])*100+r.decode(c[idxYear]),
		time.Month(r.decode(c[idxMonth])), r.decode(c[idxDay]),
		r.decodeHour(c[idxHours]), r.decode(c[idxMinutes]), r.decode(c[idxSeconds]), 0, time.UTC)
	r.s.Offset = t.Sub(r.now())
}

// encode writes v, 0 to 99, in binary or in BCD.
func (r *RTC) encode(v int) byte {
	if r.s.CMOS[idxB]&bBinary != 0 {
		return byte(v)
	}
	return byte(v/10<<4 | v%10)
}

// decode is the opposite of encode, and gives some number for what is no BCD.
func (r *RTC) decode(b byte) int {
	if r.s.CMOS[idxB]&bBinary != 0 {
		return int(b)
	}
	return int(b>>4)*10 + int(b&0x0f)
}

// encodeHour writes an hour of 24 in the format that B asks for: midnight is 12 in
// the morning, noon 12 in the afternoon.
func (r *RTC) encodeHour(h int) byte {
	if r.s.CMOS[idxB]&b24Hour != 0 {
		return r.encode(h)
	}
	v := r.encode((h+11)%12 + 1)
	if h >= 12 {
		v |= hourPM
	}
	return v
}

func (r *RTC) decodeHour(b byte) int {
	if r.s.CMOS[idxB]&b24Hour != 0 {
		return r.decode(b)
	}
	h := r.decode(b&^hourPM) % 12
	if b&hourPM != 0 {
		h += 12
	}
	return h
}
