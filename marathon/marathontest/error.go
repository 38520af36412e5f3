package marathontest

import (
	"fmt"
	"net/http"
)

// Error is how Marathon refuses: the status and the JSON of its answer. Go methods return it too.
type Error struct {
	Status      int    `json:"-"`
	Message     string `json:"message"`
	Details     any    `json:"details,omitempty"`
	Deployments []ref  `json:"deployments,omitempty"` // those that hold the app locked
}

func (e *Error) Error() string { return fmt.Sprintf("%d %s", e.Status, e.Message) }

// ref names a deployment.
type ref struct {
	ID string `json:"id"`
}

func notFound(format string, args ...any) *Error {
	return &Error{Status: http.StatusNotFound, Message: fmt.Sprintf(format, args...)}
}

func noApp(id string) *Error { return notFound("App '%s' does not exist", id) }

func badRequest(message string) *Error {
	return &Error{Status: http.StatusBadRequest, Message: message}
}

func invalid(path, message string) *Error {
	type detail struct {
		Path   string   `json:"path"`
		Errors []string `json:"errors"`
	}
	return &Error{Status: http.StatusUnprocessableEntity, Message: "Object is not valid", Details: []detail{{path, []string{message}}}}
}

func locked(by []*deployment) *Error {
	e := &Error{Status: http.StatusConflict, Message: lockedMessage}
	for _, d := range by {
		e.Deployments = append(e.Deployments, ref{d.id})
	}
	return e
}

const lockedMessage = "App is locked by one or more deployments. Override with the option '?force=true'. " +
	"View details at '/v2/deployments/<DEPLOYMENT_ID>'."
