package intake

import (
	"encoding/json"

	"github.com/pkiaas/pkiaas/domain/enrollment"
)

// Kept is a request as it waits in the database, as JSON: its facts. Releases before kept its Text; what they left is read, and written
// as it was, because what is carried out must be what was approved.
type Kept struct {
	Request enrollment.Request
	text    *Text
}

// Of is the same for the request once its facts were read.
func (k Kept) Of(r enrollment.Request) Kept { return Kept{r, k.text} }

func (k Kept) MarshalJSON() ([]byte, error) {
	if k.text != nil {
		return json.Marshal(k.text)
	}
	return json.Marshal(k.Request)
}

func (k *Kept) UnmarshalJSON(b []byte) error {
	var is struct{ CSR *string }
	if err := json.Unmarshal(b, &is); err != nil {
		return err
	}
	*k = Kept{}
	if is.CSR == nil {
		return json.Unmarshal(b, &k.Request)
	}
	k.text = &Text{}
	if err := json.Unmarshal(b, k.text); err != nil {
		return err
	}
	k.Request = k.text.Request()
	return nil
}
