"""Verb forms: recognising common verbs and moving between base, past and -ing forms.

Rules of English spelling with a table of irregular verbs: enough to turn "Who left the talks?" and "Russia" into
"When did Russia leave the talks?". A wrong guess costs a letter, never the word's stem.
"""

from __future__ import annotations

import re

# base past participle; a missing participle equals the past
_IRREGULAR = """
be was been|become became become|begin began begun|break broke broken|bring brought|build built|buy bought|
catch caught|choose chose chosen|come came come|cost cost|cut cut|deal dealt|do did done|draw drew drawn|
drink drank drunk|drive drove driven|eat ate eaten|fall fell fallen|feel felt|fight fought|find found|fly flew flown|
forbid forbade forbidden|forget forgot forgotten|get got gotten|give gave given|go went gone|grow grew grown|
have had|hear heard|hide hid hidden|hit hit|hold held|hurt hurt|keep kept|know knew known|lay laid|lead led|
leave left|lend lent|let let|lose lost|make made|mean meant|meet met|pay paid|put put|quit quit|read read|
ride rode ridden|ring rang rung|rise rose risen|run ran run|say said|see saw seen|seek sought|sell sold|send sent|
set set|shoot shot|show showed shown|shut shut|sing sang sung|sink sank sunk|sit sat|sleep slept|speak spoke spoken|
spend spent|spread spread|stand stood|steal stole stolen|stick stuck|strike struck|swear swore sworn|
swim swam swum|take took taken|teach taught|tell told|think thought|throw threw thrown|understand understood|
undergo underwent undergone|undertake undertook undertaken|wake woke woken|wear wore worn|win won|
withdraw withdrew withdrawn|withhold withheld|write wrote written|overthrow overthrew overthrown|
bear bore born|bind bound|breed bred|feed fed|lie lay lain|light lit|prove proved proven|shake shook shaken|
split split|swing swung|tear tore torn|uphold upheld|foresee foresaw foreseen|hang hung|freeze froze frozen
"""
PAST: dict[str, str] = {}
PARTICIPLE: dict[str, str] = {}
BASE: dict[str, str] = {}
for _entry in _IRREGULAR.replace("\n", "").split("|"):
    _base, _past, *_rest = _entry.split()
    PAST[_base] = _past
    PARTICIPLE[_base] = _rest[0] if _rest else _past
    for _form in (_past, PARTICIPLE[_base]):
        BASE.setdefault(_form, _base)

COMMON = frozenset(PAST) | frozenset(
    """
    abandon abolish accept accuse achieve acknowledge acquire act adapt add address admit adopt advise affect agree aim
    allow annex announce annul answer appeal appear apply appoint approach approve argue arrange arrest arrive ask
    assassinate assume attack attempt attend attract avoid award back ban base believe belong benefit betray blame block
    boycott burn calculate call campaign cancel capture care carry cause celebrate change charge check cite claim clash
    clean close coin collapse collect combine comment commit compare compete complain complete compose concern conclude
    condemn conduct confirm connect conquer consider consist construct contain continue contribute control convince
    cooperate copy count cover create criticise criticize cross damage date debut decide declare decline defeat defect
    defend define delay deliver demand demonstrate deny depart depend deploy deport describe design destroy detain
    determine develop die differ direct disagree disappear disband discover discuss dismiss display dispute dissolve
    divide divorce dominate donate double drop earn educate elect emerge employ enable encourage end endorse enforce
    engage enjoy enlist ensure enter escape establish estimate evacuate evolve examine exchange exclude execute exercise
    exist exit expand expect expel experience explain exploit explode explore export expose express extend face
    fail fear
    feature fill film finance finish fire fish focus follow force form found free fund gain gather graduate guarantee
    happen harm hate head help hire hope host hunt identify ignore imagine impact implement import impose impress
    improve
    include increase indicate influence inform inherit injure insist inspire intend interfere interpret introduce invade
    invent invest invite involve issue join jump justify kidnap kill kiss label lack land last laugh launch learn
    license
    like limit link list live locate look love maintain manage march mark marry matter measure mention merge mind miss
    move murder name narrow need negotiate nominate normalise normalize note notice nurse obtain object occupy
    occur offer
    open operate oppose order organise organize originate oversee own pass perform permit persuade pick place plan play
    pledge point possess postpone practise practice praise prefer prepare present prevent proclaim produce prohibit
    promise promote propose protect protest provide provoke publish punish purchase pursue push question raise reach
    react realise realize receive recognise recognize recommend record recover reduce refer reflect refuse regard reject
    relate release rely remain remember remove rename renounce rent repeat replace reply report represent request
    require
    rescue resemble reserve reside resign resist resolve respond rest restore restrict result resume retain retire
    return
    reveal revoke reward rule sack sail sanction save score seem seize separate serve settle share shell sign slow solve
    sound spark start state stay stem stop stress strengthen study succeed suffer suggest summon supply support suppose
    surrender surround survive suspend switch talk target tax test thank threaten tie topple tour trade train transfer
    transform translate travel treat trigger try turn unite urge use value vary veto view violate visit volunteer vote
    vow wait walk want warn wash waste watch welcome wish work worry wound
    """.split()
)
# Base forms that read as nouns more often than as verbs after "the", "a" or a name's possessive.
_SILENT_E_EXCEPTIONS = frozenset(
    "visit limit edit exhibit permit commit admit profit market target cancel open listen happen develop "
    "offer enter order "
    "consider deliver answer suffer differ remember discover cover gather remember question mention "
    "station focus benefit "
    "abandon pardon reason summon threaten strengthen widen weaken travel model label level total signal reveal pedal "
    "credit audit inhabit prohibit orbit debut favor favour honor honour labor labour harbor harbour "
    "conquer alter utter "
    "foster monitor sponsor administer register minister matter wonder encounter offer refer prefer transfer render "
    "surrender murder border bother father mother master number power tower bomb climb win sin ruin cabin belong long "
    "rocket pocket ticket blanket budget comfort worship kidnap gallop".split()
)
_E_ENDINGS = re.compile(
    r"(?:[cvzu]|dg|[lr]g|[aeiou]g|[^aeious]s|[aeiou]s|[^aeiou][aiou]t|[^aeiou][aiou]d|um|[^aeiou]ir|uir|[^aeiou]ar|ur|lor|tor"
    r"|[^aeiou]in|[bcdfgkptz]l|[^aeiou][aio]k|ul|[^aeiou]il|[^aeiou]op|ap|yp|[^aeiou]am|om|[^aeiou]ov|th|eng|ang|ring|iew)$"
)
_NO_E = re.compile(r"(?:view|[aeiou][aeiou]s|th|hang|bang|clam|om|ar)$")
_E_KNOWN = {word[:-1]: word for word in COMMON if word.endswith("e") and len(word) > 2}


def _restore(stem: str) -> str:
    """Return the base form whose -ed or -ing form begins with ``stem``."""
    if stem in COMMON or stem in _SILENT_E_EXCEPTIONS:
        return stem
    if stem in _E_KNOWN:
        return _E_KNOWN[stem]
    if len(stem) > 3 and stem[-1] == stem[-2] and stem[-1] not in "lsfz":
        return stem[:-1]
    if len(stem) > 4 and stem.endswith("ll") and stem[:-1] in COMMON | _SILENT_E_EXCEPTIONS:
        return stem[:-1]
    if _E_ENDINGS.search(stem) and not _NO_E.search(stem):
        return stem + "e"
    return stem


def base_form(verb: str) -> str:
    """Return the base form of a past, third-person or -ing form: ``withdrew`` -> ``withdraw``."""
    lower = verb.lower()
    if lower in BASE:
        return BASE[lower]
    if lower in COMMON:
        return lower
    if lower.endswith("ied") and len(lower) > 4:
        return lower[:-3] + "y"
    if lower.endswith("ed") and len(lower) > 3 and lower not in ("need", "feed", "seed", "speed"):
        return _restore(lower[:-2])
    if lower.endswith("ing") and len(lower) > 5:
        return _restore(lower[:-3])
    if lower.endswith("ies") and len(lower) > 4:
        return lower[:-3] + "y"
    if lower.endswith(("sses", "shes", "ches", "xes", "zzes", "oes")):
        return lower[:-2]
    if lower.endswith("s") and not lower.endswith(("ss", "us", "is")):
        return lower[:-1]
    return lower


def _doubles(verb: str) -> bool:
    return bool(re.fullmatch(r"[^aeiou]*[aeiou][bdgmnprt]", verb)) or verb in (
        "admit",
        "permit",
        "commit",
        "refer",
        "prefer",
        "transfer",
        "occur",
        "expel",
        "annul",
        "control",
        "cancel",
        "kidnap",
    )


def past_form(verb: str) -> str:
    """Return the simple past of a base form: ``leave`` -> ``left``."""
    if verb in PAST:
        return PAST[verb]
    if verb.endswith("e"):
        return verb + "d"
    if verb.endswith("y") and verb[-2:-1] not in "aeiou":
        return verb[:-1] + "ied"
    return verb + (verb[-1] if _doubles(verb) else "") + "ed"


def participle(verb: str) -> str:
    """Return the past participle of a base form: ``take`` -> ``taken``."""
    return PARTICIPLE.get(verb) or past_form(verb)


def ing_form(verb: str) -> str:
    """Return the -ing form of a base form: ``leave`` -> ``leaving``."""
    if verb in ("die", "lie", "tie"):
        return verb[:-2] + "ying"
    if verb.endswith("e") and not verb.endswith(("ee", "oe")) and verb != "be":
        return verb[:-1] + "ing"
    if verb in (
        "begin",
        "run",
        "win",
        "cut",
        "get",
        "hit",
        "let",
        "put",
        "quit",
        "set",
        "shut",
        "sit",
        "swim",
        "forget",
        "split",
    ):
        return verb + verb[-1] + "ing"
    return verb + (verb[-1] if _doubles(verb) and verb not in PAST else "") + "ing"


def third_person(verb: str) -> str:
    """Return the third person singular of a base form: ``leave`` -> ``leaves``."""
    if verb == "have":
        return "has"
    if verb.endswith(("s", "sh", "ch", "x", "z", "o")):
        return verb + "es"
    if verb.endswith("y") and verb[-2:-1] not in "aeiou":
        return verb[:-1] + "ies"
    return verb + "s"


def is_base(word: str) -> bool:
    """Tell whether a lower-case word is the base form of a common verb."""
    return word in COMMON


def is_verb(word: str) -> bool:
    """Tell whether a lower-case word can be a form of a common verb."""
    return word in COMMON or word in BASE or base_form(word) in COMMON


def is_past(word: str) -> bool:
    """Tell whether a lower-case word looks like a past form or participle."""
    return word in BASE or (word.endswith("ed") and len(word) > 3 and base_form(word) != word)
