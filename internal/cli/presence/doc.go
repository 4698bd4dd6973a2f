// Package presence is how others find what runs in this process and steer it: its name, its directory (package running) and
// the sockets in there (packages control and vsock). It is the same for a machine and a container.
//
//	Claim   takes the name that the user gave, before anything is started under it
//	Leave   lets go of the terminal, in the background
//	Appear  opens the sockets, when it runs
//	Ended   tells those who wait for the end
//	Vanish  takes all of it away again
package presence
