package route

import "regexp"

// secret is what texts for HAProxy have in which a secret is to be expected. A name counts where it is a whole one, as that of a field or
// parameter is, and not where it is part of a path or of an ACL's name. Authorization counts everywhere, for nobody else uses the word.
var secret = regexp.MustCompile(`(?i)authorization` +
	`|(?:^|[\s"'(?&\\^])[a-z0-9-]*(?:token|secret|passw(?:or)?d|(?:api|access|account|auth|client|functions|private|shared|subscription)[-_]?key)(?:-[a-z0-9-]*)?(?:$|[\s"'),:=\\])` +
	`|^cookie$|(?:(?:header|value|hdr)\s+["']?|\()cookie(?:$|[\s"'),])|(?:^|[\s"'^]|\\n)cookie:` + // the field, and not the word of a backend or server
	`|passw(?:or)?d\s*[=:]` +
	`|\bbearer[\s\\]` + // as the value of whatever field
	`|\bauth\s+\S+:` + // stats auth user:password
	`|\$(?:1|2[abxy]?|5|6|y)\$`) // a hash of crypt(3)

// Confidential says that a text of a template or label may hold credentials, which are not for everybody who may read the statistics. It
// rather says so once too often: what is hidden can be read in Marathon, by those who may. A Set-Cookie is no secret, for each client is told it.
func Confidential(text string) bool { return secret.MatchString(text) }
