package marathon

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
)

// wrongType says what json does of a value of the wrong type, without the names of Go's types.
type wrongType struct{ *json.UnmarshalTypeError }

func (e wrongType) Unwrap() error { return e.UnmarshalTypeError }

func (e wrongType) Error() string {
	is, known := map[string]string{"string": "a string", "array": "a list", "object": "an object", "bool": "true or false"}[e.Value]
	if !known {
		is = e.Value // number 1.5
	}
	field := strings.ReplaceAll("."+e.Field, ".plain.", ".")[1:] // the types that keep UnmarshalJSON from calling itself
	if field == "" {
		field = "it"
	}
	return fmt.Sprintf("%s is %s where %s should be", field, is, typeWord(e.Type))
}

func typeWord(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.Slice:
		return "a list"
	case reflect.String:
		return "a string"
	case reflect.Float64:
		return "a number"
	case reflect.Int:
		return "a whole number"
	}
	return "an object"
}

// plainly is an error of json in words for who writes definitions.
func plainly(err error) error {
	if t, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return wrongType{t}
	}
	return err
}

// jsonKind says what a JSON text is.
func jsonKind(text []byte) string {
	switch text[0] {
	case '{':
		return "an object"
	case '[':
		return "a list"
	case '"':
		return "a string"
	case 't', 'f':
		return "true or false"
	case 'n':
		return "null"
	}
	return "a number"
}
