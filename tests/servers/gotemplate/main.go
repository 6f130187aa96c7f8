// Command gotemplate-oracle answers what real Go makes of templates: text/template with the functions of Sprig v3.
//
// It reads cases from standard input, one JSON object a line, and writes one JSON object a line to standard output, in
// the same order. `go run . -versions` names the releases of Go and Sprig that answer. The members are those of testCase and answer.
package main

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"text/template"
	"time"
	"unicode/utf8"

	"github.com/Masterminds/sprig/v3"
)

// A testCase is one template with its data. What is absent has the default of render().
type testCase struct {
	ID         string          `json:"id"`
	Text       string          `json:"text"`
	TextBase64 string          `json:"text_base64"`
	Data       json.RawMessage `json:"data"`
	Floats     bool            `json:"floats"`
	Name       string          `json:"name"`
	Left       string          `json:"left"`
	Right      string          `json:"right"`
	MissingKey string          `json:"missingkey"`
	ParseOnly  bool            `json:"parse_only"`
}

// An answer has one of the outputs, or the error. Bytes that are not UTF-8 travel in base64, for JSON would spoil them.
type answer struct {
	ID           string `json:"id"`
	Output       string `json:"output"`
	OutputBase64 string `json:"output_base64,omitempty"`
	Error        string `json:"error,omitempty"`
	ErrorBase64  string `json:"error_base64,omitempty"`
}

var errTimeout = errors.New("oracle: time is over")

func main() {
	versions := flag.Bool("versions", false, "print the versions of Go and Sprig and exit")
	limit := flag.Duration("limit", 20*time.Second, "the time that one case may take")
	flag.Parse()
	if *versions {
		fmt.Println(versionLine())
		return
	}
	input := bufio.NewScanner(os.Stdin)
	input.Buffer(make([]byte, 1<<20), 1<<28)
	output := bufio.NewWriter(os.Stdout)
	encoder := json.NewEncoder(output)
	encoder.SetEscapeHTML(false)
	for input.Scan() {
		var test testCase
		if err := json.Unmarshal(input.Bytes(), &test); err != nil {
			fail(fmt.Errorf("%s: %w", input.Text(), err))
		}
		if err := encoder.Encode(answerWithin(*limit, test)); err != nil {
			fail(err)
		}
		if err := output.Flush(); err != nil { // a driver may wait for each answer
			fail(err)
		}
	}
	if err := input.Err(); err != nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "gotemplate-oracle:", err)
	os.Exit(1)
}

func versionLine() string {
	line := runtime.Version()
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, module := range info.Deps {
			if strings.HasSuffix(module.Path, "/sprig/v3") {
				line += " sprig " + module.Version
			}
		}
	}
	return line
}

// answerWithin gives up on a case whose time is over; what it runs goes on beside the next cases.
func answerWithin(limit time.Duration, test testCase) answer {
	done := make(chan answer, 1)
	go func() { done <- answerCase(test) }()
	select {
	case result := <-done:
		return result
	case <-time.After(limit):
		return answer{ID: test.ID, Error: errTimeout.Error()}
	}
}

func answerCase(test testCase) (result answer) {
	result.ID = test.ID
	defer func() {
		if problem := recover(); problem != nil {
			result.Output, result.OutputBase64 = "", ""
			result.Error = fmt.Sprintf("oracle: panic: %v", problem)
		}
	}()
	output, err := render(test)
	if err != nil {
		result.Error, result.ErrorBase64 = carry([]byte(err.Error()))
		return result
	}
	result.Output, result.OutputBase64 = carry(output)
	return result
}

func carry(raw []byte) (text, inBase64 string) {
	if utf8.Valid(raw) {
		return string(raw), ""
	}
	return "", base64.StdEncoding.EncodeToString(raw)
}

func render(test testCase) ([]byte, error) {
	text := test.Text
	if test.TextBase64 != "" {
		raw, err := base64.StdEncoding.DecodeString(test.TextBase64)
		if err != nil {
			fail(err)
		}
		text = string(raw)
	}
	name := test.Name
	if name == "" {
		name = "template"
	}
	parsed := template.New(name).Delims(test.Left, test.Right).Funcs(sprig.TxtFuncMap()).Funcs(extra)
	if test.MissingKey != "" {
		parsed = parsed.Option("missingkey=" + test.MissingKey)
	}
	parsed, err := parsed.Parse(text)
	if err != nil {
		return nil, err
	}
	if test.ParseOnly { // Tree.Root prints the template as its parser understood it
		if parsed.Tree == nil {
			return nil, nil
		}
		return []byte(parsed.Root.String()), nil
	}
	data, err := decode(test.Data, test.Floats)
	if err != nil {
		fail(fmt.Errorf("case %s: %w", test.ID, err))
	}
	var output bytes.Buffer
	if err := parsed.Execute(&output, data); err != nil {
		return nil, err
	}
	return output.Bytes(), nil
}

// extra are functions that Sprig lacks and our renderer has in every set.
var extra = template.FuncMap{
	"accessor": func(path string) (string, error) {
		return "__accessor__" + strings.TrimRight(path, "/"), nil
	},
}

// decode reads the data of a case as Vault's client does, or with float64 for numbers.
func decode(raw json.RawMessage, floats bool) (any, error) {
	if len(raw) == 0 {
		return nil, nil
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	if !floats {
		decoder.UseNumber()
	}
	var data any
	err := decoder.Decode(&data)
	return data, err
}
