package cagw

import (
	json "encoding/json/v2"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"unicode"

	"github.com/pkiaas/pkiaas/domain/ca"
	"github.com/pkiaas/pkiaas/domain/enrollment"
	"github.com/pkiaas/pkiaas/domain/fault"
	"github.com/pkiaas/pkiaas/protocols"
)

// problem is an error of this protocol's own.
type problem struct {
	status int
	detail detail
	cause  error
}

func (p *problem) Error() string { return p.detail.Message }
func (p *problem) Unwrap() error { return p.cause }

func refuse(status int, code, format string, args ...any) error {
	return &problem{status: status, detail: detail{Code: code, Message: fmt.Sprintf(format, args...)}}
}

func unsupported(format string, args ...any) error {
	return refuse(http.StatusNotImplemented, "cagw-5010", format, args...)
}

// What whoever serves beside the resources answers.
var (
	NoSuchResource  = refuse(http.StatusNotFound, "cagw-4040", "there is no such resource")
	headersTooLarge = refuse(http.StatusRequestHeaderFieldsTooLarge, "cagw-4310", "the headers of the request are too long")
)

// NoSuchMethod refuses a method.
func NoSuchMethod(method string) error {
	return refuse(http.StatusMethodNotAllowed, "cagw-4050", "this resource does not know the method %s", method)
}

// Refusal is the body of an answer to what could not be read as a request of HTTP.
func Refusal(status int, says string) []byte {
	body, err := json.Marshal(errorResponse{"ErrorResponse", detail{Code: fmt.Sprintf("cagw-%d0", status), Message: printable(says),
		Details: []detail{}}})
	if err != nil {
		return nil // never: strings that can be printed
	}
	return body
}

type detail struct {
	Code    string   `json:"code"`
	Message string   `json:"message"`
	Target  string   `json:"target,omitzero"`
	Value   string   `json:"value,omitzero"`
	Details []detail `json:"details"`
}

type errorResponse struct {
	Type  string `json:"type"`
	Error detail `json:"error"`
}

// codes of each kind of fault. Stable: clients print and may compare them.
var codes = map[fault.Kind]string{
	fault.Invalid: "cagw-4000", fault.PolicyRefused: "cagw-4001", fault.Unauthenticated: "cagw-4010", fault.Forbidden: "cagw-4030",
	fault.QuotaExceeded: "cagw-4031", fault.ProofRequired: "cagw-4032",
	fault.NotFound: "cagw-4041", fault.Conflict: "cagw-4090", fault.ApprovalNeeded: "cagw-4091", fault.TooManyRequests: "cagw-4290",
	fault.Internal: "cagw-5000", fault.Unavailable: "cagw-5030",
}

// targets are members of requests that the domain knows by other names.
var targets = map[string]string{
	"subject": "optionalCertificateRequestDetails.subjectDn", "password": "requiredFormat.protection.password", "sans": "subjectAltNames",
	"subjectAlternativeNames": "subjectAltNames",
	"extensions":              "optionalCertificateRequestDetails.extensions",
	"notAfter":                "optionalCertificateRequestDetails.validityPeriod",
	"notBefore":               "optionalCertificateRequestDetails.validityPeriod",
	"profile":                 "profileId", "reason": "action.reason", "comment": "action.comment",
	"invalidityDate": "action.compromiseDate"}

const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

// describe says an error in the protocol's words.
func describe(err error) (int, detail) {
	if errors.Is(err, protocols.ErrHeadersTooLarge) {
		err = headersTooLarge
	}
	var own *problem
	if errors.As(err, &own) {
		return own.status, own.detail
	}
	f := fault.Of(err)
	d := detail{Code: codes[f.Kind], Message: f.Message}
	if d.Target = f.Field; strings.HasPrefix(f.Field, "subject.") {
		d.Target = targets["subject"]
	} else if at := len(f.Field) - len(strings.TrimLeft(f.Field, letters)); targets[f.Field[:at]] != "" {
		d.Target = targets[f.Field[:at]] + f.Field[at:]
	}
	// Clients print the message only. One of them is told by its text.
	if (f.Kind == fault.Invalid || f.Kind == fault.PolicyRefused) && d.Target != "" && f.Message != noSubject &&
		!strings.Contains(d.Message, d.Target) {
		d.Message = d.Target + ": " + d.Message
	}
	status := protocols.HTTPStatus(f.Kind)
	if errors.Is(err, ca.ErrDisabled) { // for a while
		status, d.Code = http.StatusServiceUnavailable, codes[fault.Unavailable]
	}
	if f.Kind == fault.ApprovalNeeded {
		status, d.Value = http.StatusConflict, f.ApprovalID
		d.Message += " Request " + f.ApprovalID + " waits for approval."
	}
	if errors.Is(err, enrollment.ErrReused) {
		status, d.Code = http.StatusUnprocessableEntity, "cagw-4220"
	}
	if f.Action != "" { // clients print the message only
		d.Message = strings.TrimSuffix(d.Message, ".") + ". " + f.Action
	}
	return status, d
}

// Refuse answers with an ErrorResponse: for this package, and for who establishes the actor.
func (p Protocol) Refuse(w http.ResponseWriter, r *http.Request, err error) {
	status, d := describe(err)
	f := fault.Of(err)
	var own *problem
	if status == http.StatusInternalServerError && !errors.As(err, &own) && p.Log != nil {
		p.Log.Error("gateway", "path", r.URL.Path, "error", errors.Unwrap(f))
	}
	switch {
	case errors.Is(err, ca.ErrDisabled):
		w.Header().Set("Retry-After", "60") // nobody knows when it is enabled again
	case status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable:
		protocols.SetRetryAfter(w.Header(), f)
	}
	if d.Details == nil {
		d.Details = []detail{}
	}
	d.Message, d.Target, d.Value = printable(d.Message), printable(d.Target), printable(d.Value)
	body, err := json.Marshal(errorResponse{"ErrorResponse", d})
	if err != nil {
		body = []byte(`{"type":"ErrorResponse","error":{"code":"cagw-5000","message":"an internal error occurred","details":[]}}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(body) // the client may have gone
}

// printable is text of others, for a terminal: bounded, and nothing that moves the cursor.
func printable(text string) string {
	text = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) || r == unicode.ReplacementChar {
			return '?'
		}
		return r
	}, text)
	if runes := []rune(text); len(runes) > 500 {
		text = string(runes[:500]) + "…"
	}
	return text
}
