package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/pprof"
	"strings"
)

// The requests of net/http/pprof's own TestHandlers, and those that decide between its branches.
var pprofRequests = []struct{ method, path string }{
	{"GET", "/debug/pprof/<script>scripty<script>"},
	{"GET", "/debug/pprof/heap"},
	{"GET", "/debug/pprof/heap?debug=1"},
	{"GET", "/debug/pprof/cmdline"},
	{"GET", "/debug/pprof/profile?seconds=1"},
	{"GET", "/debug/pprof/symbol"},
	{"GET", "/debug/pprof/trace"},
	{"GET", "/debug/pprof/mutex"},
	{"GET", "/debug/pprof/block?seconds=1"},
	{"GET", "/debug/pprof/goroutine?seconds=1"},
	{"GET", "/debug/pprof/"},

	{"GET", "/debug/pprof/allocs"},
	{"GET", "/debug/pprof/allocs?debug=1"},
	{"GET", "/debug/pprof/allocs?gc=1"},
	{"GET", "/debug/pprof/heap?gc=1"},
	{"GET", "/debug/pprof/heap?gc=1&debug=1"},
	{"GET", "/debug/pprof/heap?gc=x"},
	{"GET", "/debug/pprof/heap?debug=0"},
	{"GET", "/debug/pprof/heap?debug=x"},
	{"GET", "/debug/pprof/heap?debug=-1"},
	{"GET", "/debug/pprof/heap?debug=99999999999999999999"},
	{"GET", "/debug/pprof/heap?debug=1&debug=0"},
	{"GET", "/debug/pprof/heap?seconds="},
	{"GET", "/debug/pprof/heap?seconds=1"},
	{"GET", "/debug/pprof/allocs?seconds=1"},
	{"GET", "/debug/pprof/heap?seconds=0"},
	{"GET", "/debug/pprof/heap?seconds=-1"},
	{"GET", "/debug/pprof/heap?seconds=x"},
	{"GET", "/debug/pprof/heap?seconds=1.5"},
	{"GET", "/debug/pprof/heap?seconds=+1"},
	{"GET", "/debug/pprof/heap?seconds=%2B1&debug=1"},
	{"GET", "/debug/pprof/heap?seconds=99999999999999999999"},
	{"GET", "/debug/pprof/heap?seconds=1&debug=1"},
	{"GET", "/debug/pprof/heap?seconds=x&debug=1"},
	{"GET", "/debug/pprof/nothing?seconds=1"},
	{"GET", "/debug/pprof/nothing?debug=1"},
	{"GET", "/debug/pprof/heap/"},
	{"GET", "/debug/pprof/h%65ap"},
	{"GET", "/debug/pprof"},
	{"GET", "/debug/pprof?debug=1"},
	{"GET", "/debug"},
	{"GET", "/"},
	{"HEAD", "/debug/pprof/heap"},
	{"HEAD", "/debug/pprof/nothing"},
	{"POST", "/debug/pprof/heap"},
	{"POST", "/debug/pprof/"},
	{"DELETE", "/debug/pprof/nothing"},
	{"OPTIONS", "/debug/pprof/heap"},
}

// A pprofAnswer is what can be compared of an answer: bodies are profiles where the status is 200.
type pprofAnswer struct {
	Method             string `json:"method"`
	Path               string `json:"path"`
	Status             int    `json:"status"`
	ContentType        string `json:"contentType"`
	ContentDisposition string `json:"contentDisposition"`
	NoSniff            string `json:"noSniff"`
	GoPprof            string `json:"goPprof"`
	Allow              string `json:"allow"`
	Location           string `json:"location"`
	Body               string `json:"body"`
}

// pprofAnswers asks a server of this process, whose mux is set up as net/http/pprof's init sets up the default one.
func pprofAnswers() []pprofAnswer {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	server := httptest.NewServer(mux)
	defer server.Close()
	client := server.Client()
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

	var answers []pprofAnswer
	for _, r := range pprofRequests {
		request, err := http.NewRequest(r.method, server.URL+r.path, strings.NewReader(""))
		check(err)
		response, err := client.Do(request)
		check(err)
		body, err := io.ReadAll(response.Body)
		check(err)
		response.Body.Close()
		header := response.Header
		answer := pprofAnswer{
			Method: r.method, Path: r.path, Status: response.StatusCode,
			ContentType: header.Get("Content-Type"), ContentDisposition: header.Get("Content-Disposition"),
			NoSniff: header.Get("X-Content-Type-Options"), GoPprof: header.Get("X-Go-Pprof"),
			Allow: header.Get("Allow"), Location: header.Get("Location"),
		}
		if response.StatusCode != http.StatusOK {
			answer.Body = string(body)
		}
		answers = append(answers, answer)
	}
	return answers
}
