package cagw

// The answers. Members without omitzero are always there: clients read them without looking first.

type message struct {
	Message string   `json:"message"`
	Details []string `json:"details"`
}

// chained is a certificate, DER in base64 on one line.
type chained struct {
	Data string `json:"certificateData"`
}

type authority struct {
	ID          string            `json:"id"`
	Name        string            `json:"name"`
	Properties  map[string]string `json:"properties"`
	Chain       []chained         `json:"chain"`
	Certificate *chained          `json:"certificate,omitzero"`
}

type caListResponse struct {
	Type   string      `json:"type"`
	CAList []authority `json:"caList"`
}

type caResponse struct {
	Type string    `json:"type"`
	CA   authority `json:"ca"`
}

type statusResponse struct {
	Type   string `json:"type"`
	Status string `json:"status"`
}

type capabilitiesResponse struct {
	Type         string   `json:"type"`
	Capabilities []string `json:"capabilities"`
}

type requirement struct {
	Name     string `json:"name,omitzero"`
	Type     string `json:"type,omitzero"`
	Required bool   `json:"required"`
}

type profileObject struct {
	ID                  string            `json:"id"`
	Name                string            `json:"name"`
	Properties          map[string]string `json:"properties"`
	Protocols           []string          `json:"protocols"`
	RequestedProperties []string          `json:"requestedProperties"`
	SubjectVariables    []requirement     `json:"subjectVariableRequirements"`
	AlternativeNames    []requirement     `json:"subjectAltNameRequirements"`
}

type profilesResponse struct {
	Type     string          `json:"type"`
	Message  message         `json:"message"`
	Profiles []profileObject `json:"profiles"`
}

type profileResponse struct {
	Type    string        `json:"type"`
	Profile profileObject `json:"profile"`
}

type enrolled struct {
	ID             string    `json:"id"`
	Status         string    `json:"status"`
	SerialNumber   string    `json:"serialNumber"`
	SubjectName    string    `json:"subjectName"`
	IssuerName     string    `json:"issuerName"`
	ValidityPeriod string    `json:"validityPeriod"`
	Body           string    `json:"body"`
	Chain          []chained `json:"chain,omitzero"`
}

type enrollmentResponse struct {
	Type       string   `json:"type"`
	Message    message  `json:"message"`
	Enrollment enrolled `json:"enrollment"`
}

type publicKey struct {
	Algorithm string `json:"publicKeyAlg"`
	Key       string `json:"subjectPublicKey"`
}

type revocation struct {
	Reason     string `json:"reason"`
	Date       string `json:"revocationDate,omitzero"`
	Compromise string `json:"compromiseDate,omitzero"`
	Comment    string `json:"comment,omitzero"`
}

type certificateObject struct {
	Status         string      `json:"status"`
	SerialNumber   string      `json:"serialNumber"`
	ValidityPeriod string      `json:"validityPeriod"`
	Data           string      `json:"certificateData"`
	IssuerName     string      `json:"issuerName"`
	SubjectName    string      `json:"subjectName"`
	EncodedSubject string      `json:"rfc2253EncodedSubjectName"`
	EscapedSubject string      `json:"rfc2253EscapedSubjectName"`
	Version        string      `json:"versionNumber"`
	SignatureOID   string      `json:"signatureAlgID"`
	Signature      string      `json:"certificateSignatureAlg"`
	PublicKey      *publicKey  `json:"subjectPublicKeyInfo"`
	Revocation     *revocation `json:"revocationInfo,omitzero"`
}

type certificateResponse struct {
	Type        string            `json:"type"`
	Certificate certificateObject `json:"certificate"`
	Chain       []chained         `json:"chain"`
}

type actionDone struct {
	Type       string            `json:"type"`
	ID         string            `json:"id"`
	Properties map[string]string `json:"properties"`
	Comment    string            `json:"comment"`
	Status     string            `json:"status"`
	Settled    bool              `json:"succeedIfAlreadyInRequestedState"`
	Reason     string            `json:"reason"`
	Compromise string            `json:"compromiseDate,omitzero"`
}

type actionResponse struct {
	Type   string     `json:"type"`
	Action actionDone `json:"action"`
}

type bulkResult struct {
	SerialNumber string  `json:"serialNumber"`
	Status       string  `json:"status"`
	Error        *detail `json:"error,omitzero"`
}

type bulkResponse struct {
	Type    string       `json:"type"`
	Results []bulkResult `json:"results"`
}

type eventObject struct {
	Action       string `json:"action"`
	Date         string `json:"eventDate"`
	SerialNumber string `json:"serialNumber"`
	Certificate  string `json:"certificate"`
	Reason       string `json:"reason"`
	Detail       string `json:"detail"`
}

type eventsResponse struct {
	Type      string        `json:"type"`
	MorePages bool          `json:"morePages"`
	Next      string        `json:"nextPageIndex"`
	Events    []eventObject `json:"events"`
}
