"""Unusual valid names, invalid names, and injection attempts."""

from support.entries import tag

# Valid names; {} is replaced by a unique word.
NAMES = [
    "Ivanov, Ivan {}", "Müller \"der Große\" {}", "O'Neil {}", "Łódź Ünïcödé {}", "Иванов Иван {}",
    "star * {}", "(paren) {}", "open ( {}", "close ) {}", "back\\slash {}", "\\2a {}", "\\, {}",
    "#hash {}", "{} #", "a + b {}", "a;b {}", "a <b> c {}", "a=b {}", "a/b {}", "{} \"", "{},",
    "{} \\", "😀 {}", "{} %41", "{} ?x=y&z", "..{}", "null {}", "{}.", "王小明 {}", "עברית {}",
    "x\u0301 {}", "a  two  spaces {}", "' OR 1=1 -- {}", "<script>{}</script>", "CN={},OU=x",
]
# Valid account names, which allow fewer characters and at most twenty.
ACCOUNT_NAMES = ["{}", "Ü{}", "ж{}", "{} b", "#{}", "({})", "{}'", "{}$x", "{}&", "{}%41", "{}%",
                 "{{{}}}", "-{}", "_{}!", "a.b{}", ".{}", "{}~^`"]
# Invalid names.
NO_NAMES = [
    "", "\0", "a\0b", "new\nline", "tab\there", "\x01", "\x7f", "carriage\rreturn", "x" * 65,
    "x" * 2000, "Ж" * 65, "😀" * 33,
]
# The longest valid names: the directory counts UTF-16 code units.
LONGEST_NAMES = ["x" * 64, "Ж" * 64, "😀" * 32, "ü" * 63 + ","]

# Characters that match an entry only if its name contains them literally, although an LDAP filter
# could interpret them.
FILTER_CHARACTERS = ["*", "(cn=*", "\\2a", ")(|", "*)(cn=*", "(", ")", "\\", "\\5c", "**", "a*c",
                     "&",
                     "|", "!", "=*", "\"", "%", "_", "#", "😀", ",", "+"]
# No entry has these names; as unescaped filters they would match some.
FILTERS = ["*", "(cn=*)", "adm*", "*)(objectClass=*", "\\2a", "a\\00b", "Administrator)(cn=*",
           "x" * 2000, "' or '1'='1", "%2a", "no+body"]


def unique(pattern):
    return pattern.replace("{}", tag(), 1) if "{}" in pattern else pattern
