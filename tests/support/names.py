"""Names: what people and things are really called, and what attackers call themselves."""

from support.entries import tag

# {} is a word of the test's own; every one of these is a name something could have.
NAMES = [
    "Ivanov, Ivan {}", "Müller \"der Große\" {}", "O'Neil {}", "Łódź Ünïcödé {}", "Иванов Иван {}",
    "star * {}", "(paren) {}", "open ( {}", "close ) {}", "back\\slash {}", "\\2a {}", "\\, {}",
    "#hash {}", "{} #", "a + b {}", "a;b {}", "a <b> c {}", "a=b {}", "a/b {}", "{} \"", "{},",
    "{} \\", "😀 {}", "{} %41", "{} ?x=y&z", "..{}", "null {}", "{}.", "王小明 {}", "עברית {}",
    "e\u0301 {}", "a  two  spaces {}", "' OR 1=1 -- {}", "<script>{}</script>", "CN={},OU=x",
]
# The same of accounts, which have fewer characters and twenty of them.
ACCOUNT_NAMES = ["{}", "Ü{}", "ж{}", "{} b", "#{}", "({})", "{}'", "{}$x", "{}&", "{}%41", "{}%",
                 "{{{}}}", "-{}", "_{}!", "a.b{}", ".{}", "{}~^`"]
# Refused by name: nothing is called so.
NO_NAMES = [
    "", "\0", "a\0b", "new\nline", "tab\there", "\x01", "\x7f", "carriage\rreturn", "x" * 65,
    "x" * 2000, "Ж" * 65, "😀" * 33,
]
# As long as names can be: the directory counts UTF-16 units.
LONGEST_NAMES = ["x" * 64, "Ж" * 64, "😀" * 32, "ü" * 63 + ","]

# What stands in a name, and must not be found by it though a filter would.
FILTER_CHARACTERS = ["*", "(cn=*", "\\2a", ")(|", "*)(cn=*", "(", ")", "\\", "\\5c", "**", "a*c", "&",
                     "|", "!", "=*", "\"", "%", "_", "#", "😀", ",", "+"]
# Nothing is called so, and as filters they would find something.
FILTERS = ["*", "(cn=*)", "adm*", "*)(objectClass=*", "\\2a", "a\\00b", "Administrator)(cn=*",
           "x" * 2000, "' or '1'='1", "%2a", "no+body"]


def unique(pattern):
    return pattern.replace("{}", tag(), 1) if "{}" in pattern else pattern
