// The zoo's names, ports and HTTP/1 connections.

package reliability_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/headwater-dev/analytics"
)

const fine = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"

// namesAndPorts are faults before there is a connection.
func namesAndPorts() []fault {
	const noSuchHost, serverFailure = 3, 2
	refusedNames := func(name string, code byte) fault {
		var dns *nameServer
		f := fault{name: name, class: retried, host: "analytics.test"}
		f.dialer = &net.Dialer{Resolver: &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
			return net.Dial("udp", dns.conn.LocalAddr().String())
		}}}
		f.prepare = func(z *cage) { dns = newNameServer(z, code) }
		f.repair = func(*cage) { dns.code.Store(0) }
		return f
	}
	return []fault{
		refusedNames("DNS: no such host", noSuchHost),
		refusedNames("DNS: server failure", serverFailure),
		{
			name: "connection refused", class: retried,
			prepare: func(z *cage) { _ = z.listen.Close() },
			repair:  func(z *cage) { z.open() },
		},
	}
}

// nameServer answers DNS queries over UDP with an error code, or with 127.0.0.1
// when that is 0.
type nameServer struct {
	conn net.PacketConn
	code atomic.Uint32
}

func newNameServer(z *cage, code byte) *nameServer {
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(z, err)
	s := &nameServer{conn: conn}
	s.code.Store(uint32(code))
	z.wait.Go(s.serve)
	z.Cleanup(func() { _ = conn.Close() })
	return s
}

func (s *nameServer) serve() {
	query := make([]byte, 512)
	for {
		n, from, err := s.conn.ReadFrom(query)
		if err != nil {
			return
		}
		end := 12 // of the question: its name, then type and class
		for end < n && query[end] != 0 {
			end += 1 + int(query[end])
		}
		if end += 5; end > n {
			continue
		}
		code := byte(s.code.Load())
		answer := append([]byte{}, query[:end]...)
		answer[2], answer[3] = 0x81, 0x80|code // an answer, recursion available
		clear(answer[6:12])
		if isA := query[end-3] == 1; code == 0 && isA {
			answer[7] = 1
			answer = append(answer, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, 127, 0, 0, 1)
		}
		_, _ = s.conn.WriteTo(answer, from)
	}
}

// plainFaults are those of TCP and HTTP/1.
func plainFaults() []fault {
	var answer *analytics.ResponseError
	// says reads the request, writes text and closes.
	says := func(name string, c class, text string) fault {
		return fault{name: name, class: c, conn: func(p *peer) {
			p.request()
			p.say(text)
		}}
	}
	faults := []fault{
		says("empty answer", retried, ""),
		says("garbage status line", retried, "SSH-2.0-OpenSSH_9.9\r\n"),
		says("status line without a status", retried, "HTTP/1.1 \r\n\r\n"),
		says("status of five digits", retried, "HTTP/1.1 20000 OK\r\n\r\n"),
		says("header without a colon", retried, "HTTP/1.1 200 OK\r\nwhat\r\n\r\n"),
		says("two lengths", retried, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}"),
		says("oversized headers", retried, "HTTP/1.1 200 OK\r\nX-Pad: "+strings.Repeat("x", 100_000)+"\r\n\r\n"),
		says("cut in the headers", retried, "HTTP/1.1 200 OK\r\nContent-Le"),
		says("cut after the headers of a 200", delivered, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"),
		says("cut after the headers of a 503", retried, "HTTP/1.1 503 Busy\r\nContent-Length: 100\r\n\r\nso"),
		says("cut after the headers of a 403", failed, "HTTP/1.1 403 No\r\nContent-Length: 100\r\n\r\nso"),
		says("chunk error in a 200", delivered, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
		says("chunk error in a 503", retried, "HTTP/1.1 503 Busy\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel"),
		says("HTTP/1.0 without a length", delivered, "HTTP/1.0 200 OK\r\n\r\n{\"success\":true}"),
		says("redirect loop", failed, "HTTP/1.1 307 Again\r\nLocation: /v1/batch\r\nContent-Length: 0\r\n\r\n"),
		says("101", failed, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: other\r\n\r\n"),
	}
	faults = append(append(append(faults, longFaults()...), slowFaults()...), idleFaults()...)
	for i := range faults {
		if faults[i].class == failed {
			faults[i].err = &answer
		}
		// A complete answer before the end: the connection may be used again first.
		if faults[i].name == "redirect loop" {
			faults[i].cross = true
		}
	}
	return faults
}

// longFaults are those that one answer does not tell.
func longFaults() []fault {
	return []fault{
		{name: "gzip bomb", class: delivered, conn: func(p *peer) {
			p.request()
			p.say("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n")
			_, _ = p.Write(bomb())
		}},
		{name: "100 and 103 before the answer", class: delivered, conn: func(p *peer) {
			p.request()
			p.say("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + fine)
			p.serve()
		}},
		{name: "103 without end", class: retried, conn: func(p *peer) {
			p.request()
			for p.say("HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n") {
			}
		}},
		{name: "endless body of a 200", class: delivered, conn: func(p *peer) { p.request(); p.pour("200 OK") }},
		{name: "endless body of a 503", class: retried, conn: func(p *peer) { p.request(); p.pour("503 Busy") }},
		{name: "reset before the answer", class: retried, conn: func(p *peer) { p.request(); p.reset() }},
		{name: "reset in the body", class: retried, large: true, conn: func(p *peer) {
			_, _ = io.CopyN(io.Discard, p.in, 10_000)
			p.reset()
		}},
		{name: "half-closed without an answer", class: retried, conn: func(p *peer) {
			p.request()
			_ = p.Conn.(*net.TCPConn).CloseWrite()
			p.hold()
		}},
		{name: "half-closed after the answer", class: delivered, cross: true, conn: func(p *peer) {
			p.request()
			p.say(fine)
			_ = p.Conn.(*net.TCPConn).CloseWrite()
			p.hold()
		}},
		{name: "503 before the body is read", class: retried, large: true, conn: func(p *peer) {
			_, _ = io.CopyN(io.Discard, p.in, 1000)
			p.say("HTTP/1.1 503 Busy\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
			p.hold()
		}},
		{name: "401 before the body is read", class: failed, large: true, conn: func(p *peer) {
			_, _ = io.CopyN(io.Discard, p.in, 1000)
			p.say("HTTP/1.1 401 No\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
			p.hold()
		}},
	}
}

// pour writes a body that never ends.
func (p *peer) pour(status string) {
	chunk := "1000\r\n" + strings.Repeat("x", 0x1000) + "\r\n"
	for ok := p.say("HTTP/1.1 " + status + "\r\nTransfer-Encoding: chunked\r\n\r\n"); ok; ok = p.say(chunk) {
	}
}

// bomb is 64 MiB of zeros, compressed to 64 KiB.
func bomb() []byte {
	var b bytes.Buffer
	z, _ := gzip.NewWriterLevel(&b, gzip.BestCompression) // a level that exists
	zeros := make([]byte, 1<<20)
	for range 64 {
		_, _ = z.Write(zeros)
	}
	_ = z.Close()
	return b.Bytes()
}

// slowFaults are those that only RequestTimeout ends.
func slowFaults() []fault {
	// drip writes a byte at a time.
	drip := func(p *peer, text string) {
		for i := 0; p.say(text[i%len(text) : i%len(text)+1]); i++ {
			time.Sleep(20 * time.Millisecond)
		}
	}
	return []fault{
		{name: "silence", class: retried, slow: true, conn: func(p *peer) { p.request(); p.hold() }},
		{name: "nobody reads", class: retried, slow: true, large: true, conn: func(p *peer) {
			_ = p.Conn.(*net.TCPConn).SetReadBuffer(1)
			time.Sleep(1500 * time.Millisecond)
		}},
		{name: "headers byte by byte", class: retried, slow: true, conn: func(p *peer) {
			p.request()
			p.say("HTTP/1.1 200 OK\r\n")
			drip(p, "X-Slow: a\r\n")
		}},
		{name: "body byte by byte of a 200", class: delivered, slow: true, conn: func(p *peer) {
			p.request()
			p.say("HTTP/1.1 200 OK\r\n\r\n")
			drip(p, "x")
		}},
		{name: "body byte by byte of a 500", class: retried, slow: true, conn: func(p *peer) {
			p.request()
			p.say("HTTP/1.1 500 Oh\r\n\r\n")
			drip(p, "x")
		}},
	}
}

// idleFaults befall a connection that has served a request before.
func idleFaults() []fault {
	first := func(p *peer) { p.answer(p.request()) }
	return []fault{
		{name: "idle connection closed", class: delivered, warm: true, cross: true, conn: first},
		{name: "idle connection reset", class: delivered, warm: true, cross: true, conn: func(p *peer) { first(p); p.reset() }},
		{name: "408 on an idle connection", class: delivered, warm: true, cross: true, conn: func(p *peer) {
			first(p)
			p.say("HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
		}},
		{name: "closed as the next request comes", class: retried, warm: true, conn: func(p *peer) {
			first(p)
			_, _ = p.in.ReadByte()
		}},
		{name: "reset as the next request comes", class: retried, warm: true, conn: func(p *peer) {
			first(p)
			_, _ = p.in.ReadByte()
			p.reset()
		}},
	}
}
