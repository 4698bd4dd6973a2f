// Package vsock is a virtio socket device: streams between programs of the guest and of the host,
// without a network.
//
// The specification is virtio 1.2 section 5.10; its section numbers are cited below. The device has
// ID 19, no features (streams alone, section 5.10.3) and the guest's CID, a le64, as its configuration
// space (section 5.10.4). The host's CID is 2.
//
//	queue  name   a request                            what the device does
//	-----  -----  -----------------------------------  ---------------------------------------
//	0      rx     buffers for the device to fill       one packet in each, when there is one
//	1      tx     a packet                             takes it
//	2      event  a buffer of 4 bytes                  TRANSPORT_RESET after a restore
//
// # A packet
//
// It is a header (section 5.10.6), and for RW so many bytes as len says, in buffers as the driver
// pleases.
//
//	off  bytes  field      meaning
//	---  -----  ---------  ---------------------------------------------------------------
//	0    8      src_cid    who sends it
//	8    8      dst_cid    to whom
//	16   4      src_port
//	20   4      dst_port
//	24   4      len        bytes behind the header
//	28   2      type       1 stream; others are refused
//	30   2      op         see below
//	32   4      flags      SHUTDOWN: 1 no more is received, 2 no more is sent
//	36   4      buf_alloc  how large the sender's buffer for this connection is
//	40   4      fwd_cnt    how many bytes it has taken out of it since the beginning, modulo 2^32
//
//	op  name            what the device does when the guest sends it
//	--  --------------  -----------------------------------------------------------------
//	1   REQUEST         asks Config.Dial for a stream; RESPONSE, or RST
//	2   RESPONSE        Connect comes back
//	3   RST             the connection has ended
//	4   SHUTDOWN        CloseWrite of the stream, or CloseRead; of both, RST and Close
//	5   RW              writes to the stream
//	6   CREDIT_UPDATE   goes on reading the stream, if it stood still
//	7   CREDIT_REQUEST  CREDIT_UPDATE
//
// # The way of the bytes
//
//	guest → host  serveTX pops a packet. If the stream has taken all that came before, it is offered the
//	              bytes where they are, in guest RAM (Quick). What it does not take at once is
//	              copied and left to the goroutine write of this connection. So nothing waits for a
//	              host that reads slowly but its own connection.
//	host → guest  the goroutine read of a connection reads as much as the guest has room for, and pump
//	              copies that into the guest's buffers, a packet of each connection in turn. It happens
//	              on the goroutine that has something to send; only when the guest's buffers are used up,
//	              serveRX waits for more. The reader goes on when its bytes are gone, so a guest that
//	              does not take them makes the host's programs wait.
//
// A guest that sends more than it was given room for loses that connection. All counters are compared
// as differences modulo 2^32.
//
// # How a connection ends
//
//	what happens                   to the guest      to the host
//	-----------------------------  ----------------  --------------------------------------
//	the host's end reads EOF       SHUTDOWN 2        goes on taking what the guest sends
//	a write to it fails            SHUTDOWN 1        goes on reading what it says
//	it hangs up, or a read fails   SHUTDOWN 3        Close
//	the guest says SHUTDOWN 2      goes on sending   CloseWrite, when it has taken all
//	it reads EOF, and this         SHUTDOWN 3        Close
//	the guest says SHUTDOWN 3      RST               Close, when it has taken all
//	the guest says RST             -                 the same
//	what no driver may do          RST               the same
//	reset of the device            -                 the same
//	Close of the device            -                 the same, for a quarter of a second at most
//	restore of a snapshot          TRANSPORT_RESET   -
//
// The guest answers SHUTDOWN 3 with RST once its program has read all; until then the connection keeps
// its place among the 1,024, but gives it up to a new one.
//
// Read device.go first, then conn.go, tx.go and rx.go for the guest's side, host.go for the host's.
package vsock
