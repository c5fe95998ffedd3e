// A gRPC client that does what it is told: one JSON command per line of standard input, one JSON answer per line of standard output.
// Messages are bytes in base64; what the commands are is in test/harness/foreign-client.ts.
package main

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

type command struct {
	Do         string
	Path       string
	Request    string
	Requests   []string
	Metadata   [][2]string
	TimeoutMs  int
	Gzip       bool
	Count      int
	LeaveAfter int
	Workers    int
}

type failure struct {
	Code    uint32  `json:"code"`
	Message string  `json:"message"`
	BeganMs float64 `json:"beganMs"`
}

type answer struct {
	Code      uint32              `json:"code"`
	Message   string              `json:"message"`
	Responses []string            `json:"responses"`
	Headers   map[string][]string `json:"headers"`
	Trailers  map[string][]string `json:"trailers"`
	Codes     map[string]int      `json:"codes,omitempty"`
	Distinct  int                 `json:"distinct,omitempty"`
	Calls     int64               `json:"calls,omitempty"`
	Failures  []failure           `json:"failures,omitempty"`
}

// Bytes as they are.
type rawCodec struct{}

func (rawCodec) Marshal(v any) ([]byte, error) { return *v.(*[]byte), nil }
func (rawCodec) Unmarshal(data []byte, v any) error {
	*v.(*[]byte) = append([]byte(nil), data...)
	return nil
}
func (rawCodec) Name() string { return "proto" }

// The largest response that is told in full.
const inFull = 65536

func told(response []byte) string {
	if len(response) <= inFull {
		return base64.StdEncoding.EncodeToString(response)
	}
	sum := sha256.Sum256(response)
	return "sha256:" + hex.EncodeToString(sum[:])
}

func toldMetadata(md metadata.MD) map[string][]string {
	all := map[string][]string{}
	for name, values := range md {
		for _, value := range values {
			if strings.HasSuffix(name, "-bin") {
				value = base64.StdEncoding.EncodeToString([]byte(value))
			}
			all[name] = append(all[name], value)
		}
	}
	return all
}

func decode(text string) []byte {
	bytes, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		panic(err)
	}
	return bytes
}

func (c command) context() (context.Context, context.CancelFunc) {
	ctx := context.Background()
	for _, pair := range c.Metadata {
		value := pair[1]
		if strings.HasSuffix(pair[0], "-bin") {
			value = string(decode(value))
		}
		ctx = metadata.AppendToOutgoingContext(ctx, pair[0], value)
	}
	if c.TimeoutMs > 0 {
		return context.WithTimeout(ctx, time.Duration(c.TimeoutMs)*time.Millisecond)
	}
	return context.WithCancel(ctx)
}

func (c command) options() []grpc.CallOption {
	if c.Gzip {
		return []grpc.CallOption{grpc.UseCompressor(gzip.Name)}
	}
	return nil
}

func (a *answer) end(err error) {
	if err != nil && !errors.Is(err, io.EOF) {
		state, _ := status.FromError(err)
		a.Code, a.Message = uint32(state.Code()), state.Message()
	}
}

func unary(conn *grpc.ClientConn, c command) answer {
	ctx, cancel := c.context()
	defer cancel()
	var a answer
	var headers, trailers metadata.MD
	request, response := decode(c.Request), []byte(nil)
	err := conn.Invoke(ctx, c.Path, &request, &response, append(c.options(), grpc.Header(&headers), grpc.Trailer(&trailers))...)
	a.end(err)
	if err == nil {
		a.Responses = []string{told(response)}
	}
	a.Headers, a.Trailers = toldMetadata(headers), toldMetadata(trailers)
	return a
}

func many(conn *grpc.ClientConn, c command) answer {
	a := answer{Codes: map[string]int{}}
	distinct := map[string]bool{}
	var lock sync.Mutex
	var group sync.WaitGroup
	for range c.Count {
		group.Add(1)
		go func() {
			defer group.Done()
			one := unary(conn, c)
			lock.Lock()
			defer lock.Unlock()
			a.Codes[codeName(one.Code)]++
			for _, response := range one.Responses {
				distinct[response] = true
			}
		}()
	}
	group.Wait()
	a.Distinct = len(distinct)
	return a
}

func codeName(code uint32) string {
	bytes, _ := json.Marshal(code)
	return string(bytes)
}

// A stream; each request of a stream both ways waits for the answer to the one before. With LeaveAfter the client cancels after so
// many messages.
func stream(conn *grpc.ClientConn, c command, both bool) answer {
	ctx, cancel := c.context()
	defer cancel()
	a := answer{Responses: []string{}}
	call, err := conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true, ClientStreams: both}, c.Path, c.options()...)
	if err != nil {
		a.end(err)
		return a
	}
	receive := func() bool {
		var response []byte
		if err = call.RecvMsg(&response); err != nil {
			return false
		}
		a.Responses = append(a.Responses, told(response))
		if len(a.Responses) == c.LeaveAfter {
			cancel()
		}
		return true
	}
	for i := 0; err == nil && i < len(c.Requests); i++ {
		request := decode(c.Requests[i])
		if call.SendMsg(&request) != nil || both { // why sending failed is told where one receives
			receive()
		}
	}
	if err == nil {
		_ = call.CloseSend()
		for receive() {
		}
	}
	headers, _ := call.Header()
	a.Headers, a.Trailers = toldMetadata(headers), toldMetadata(call.Trailer())
	a.end(err)
	return a
}

// Calls without a pause, until each worker has failed once. Says `began` when some have been answered.
func hammer(conn *grpc.ClientConn, c command, say func(any)) answer {
	var a answer
	var calls atomic.Int64
	var lock sync.Mutex
	var group sync.WaitGroup
	for range c.Workers {
		group.Add(1)
		go func() {
			defer group.Done()
			for {
				began := float64(time.Now().UnixMicro()) / 1000
				one := unary(conn, c)
				if one.Code != 0 {
					lock.Lock()
					a.Failures = append(a.Failures, failure{one.Code, one.Message, began})
					lock.Unlock()
					return
				}
				if calls.Add(1) == 100 {
					say(map[string]bool{"began": true})
				}
			}
		}()
	}
	group.Wait()
	a.Calls = calls.Load()
	return a
}

func main() {
	conn, err := grpc.NewClient("passthrough:///"+os.Args[1], grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.ForceCodec(rawCodec{}), grpc.MaxCallRecvMsgSize(64<<20)))
	if err != nil {
		panic(err)
	}
	out := json.NewEncoder(os.Stdout)
	say := func(what any) {
		if err := out.Encode(what); err != nil {
			panic(err)
		}
	}
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		var c command
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			panic(err)
		}
		switch c.Do {
		case "unary":
			say(unary(conn, c))
		case "many":
			say(many(conn, c))
		case "down":
			say(stream(conn, c, false))
		case "bidi":
			say(stream(conn, c, true))
		case "hammer":
			say(hammer(conn, c, say))
		}
	}
}
