"""Closed word classes and the small noun lexicons by which mentions and references are told apart.

The lists are deliberately short: function words decide what counts as a content word, the nouns decide
whether a mention is a person, a place, an organisation, an event or a document.
"""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


WH = _words("who whom whose what which when where why how")
BE = _words("is are was were am be been being isn't aren't wasn't weren't")
DO = _words("do does did don't doesn't didn't")
HAVE = _words("has have had hasn't haven't hadn't")
MODAL = _words("will would can could shall should may might must won't wouldn't can't couldn't shouldn't")
AUXILIARY = BE | DO | HAVE | MODAL
PREPOSITIONS = _words(
    "in on at to from of for with by about against between among after before since until till during over under "
    "into onto through without within toward towards near around across behind beyond via per regarding concerning "
    "besides despite off up out as than like upon along following"
)
DETERMINERS = _words(
    "the a an this that these those my your his her its their our some any each every no both either all"
)
PRONOUNS = _words(
    "i you he she it we they me him her us them my your his its our their mine yours hers ours theirs myself "
    "yourself himself herself itself ourselves themselves one ones"
)
CONJUNCTIONS = _words("and or but nor so yet if because while whereas although though unless whether that then")
ADVERBS = _words(
    "not also too very just only even still ever never again already now soon later afterwards afterward next exactly "
    "really actually else more most much many few less least other another same such own so far well please there "
    "here then back instead anyway ago today yesterday tomorrow else's together always often usually mostly mainly "
    "perhaps maybe ok okay yes no thanks thank interesting"
)
FILLER = _words(
    "tell describe explain give name list know say says mean means happen happens happened thing things something "
    "anything anyone someone somebody anybody everything kind sort type example examples way ways information info "
    "details detail fact facts let's go going get got"
)
FUNCTION = WH | AUXILIARY | PREPOSITIONS | DETERMINERS | PRONOUNS | CONJUNCTIONS | ADVERBS
IMPERATIVES = _words("tell describe explain give name list show find compare summarize summarise please discuss define")

SAYING = _words(
    "say says said saying claim claims claimed think thinks thought believe believes believed announce announces "
    "announced argue argues argued state states stated declare declares declared know knows knew known show shows "
    "showed shown suggest suggests suggested agree agrees agreed admit admits admitted warn warns warned insist "
    "insists insisted report reports reported note notes noted add adds added promise promises promised deny denies "
    "denied confirm confirms confirmed hope hopes hoped fear fears feared demand demands demanded ensure sure true "
    "likely possible certain clear told tell tells mention mentioned mentions stress stressed explain explained "
    "recall recalled remind reminded expect expected expects vow vowed pledge pledged conclude concluded indicate "
    "indicated reveal revealed fact mean means assume assumed guarantee meant wrote write writes so such"
)
SUBORDINATORS = _words(
    "that if because when while after before since until whether although though as once where why how and but than"
)

# --- nouns by the kind of thing they name --------------------------------------------------------------------------
TITLES = _words(
    "mr mr. mrs mrs. ms ms. miss dr dr. sir lord lady king queen prince princess president prime minister premier "
    "chancellor secretary ambassador senator governor mayor general colonel captain admiral professor prof judge "
    "pope emperor tsar czar director chairman chairwoman spokesman spokeswoman deputy foreign judge coach"
)
PERSON_NOUNS = _words(
    "man woman boy girl person people president minister premier chancellor secretary ambassador envoy diplomat "
    "senator governor mayor general admiral officer official leader politician professor expert historian scientist "
    "scholar researcher analyst author writer journalist reporter editor poet artist painter actor actress singer "
    "musician composer rapper player coach manager director chairman chairwoman chief head spokesman spokeswoman "
    "spokesperson king queen emperor tsar prince princess husband wife father mother son daughter brother sister "
    "founder owner inventor winner candidate victim suspect witness soldier lawyer judge doctor teacher student "
    "activist protester founder successor predecessor representative negotiator signatory child pilot commander guy"
)
FEMALE_NOUNS = _words(
    "woman girl actress queen princess wife mother daughter sister lady mrs ms miss spokeswoman chairwoman empress"
)
MALE_NOUNS = _words(
    "man boy king prince husband father son brother lord sir mr spokesman chairman emperor tsar pope guy"
)
GROUP_NOUNS = _words(
    "people residents citizens islanders inhabitants troops soldiers forces police protesters activists officials "
    "leaders experts members children women men diplomats countries nations states parties sides players fans refugees"
)
VENUES = _words(
    "house palace airport station embassy museum stadium hall church temple castle theatre theater university border"
)
COUNTRY_NOUNS = _words("country nation state")
PLACE_NOUNS = _words(
    "country nation state place city town village capital island islands archipelago region territory territories "
    "province prefecture district county area continent sea ocean river lake mountain mountains volcano strait "
    "straits bay harbour harbor port peninsula coast border airport station street square park building palace "
    "embassy house museum stadium hall church temple castle base location site venue kurils land chain basin"
)
ORGANISATION_NOUNS = _words(
    "ministry party company firm corporation organisation organization government cabinet parliament senate congress "
    "council committee commission agency bureau department institute university college school academy union league "
    "association federation bank airline airlines court army navy military police team club band group alliance bloc "
    "center centre newspaper magazine channel foundation society administration delegation embassy office press "
    "embassy orchestra label studio network nato"
)
EVENT_NOUNS = _words(
    "war battle conference meeting summit talks talk negotiations negotiation election elections protest protests "
    "rally demonstration ceremony visit trip crisis conflict incident attack accident earthquake festival tournament "
    "championship match game race concert tour performance speech address hearing trial dispute operation invasion "
    "occupation revolution strike session event celebration anniversary experiment flight"
)
DOCUMENT_NOUNS = _words(
    "treaty agreement declaration pact deal accord document statement report book article law bill act resolution "
    "constitution proposal plan letter note memorandum charter contract protocol convention text paper study "
    "bluebook list decree order sanctions"
)
DATE_NOUNS = _words("year day month week date time century decade period season moment era morning evening night")
# Nouns that stand for one thing in the world, or are too generic to point back.
UNIQUE_NOUNS = _words(
    "world sun moon earth internet sky universe future past present public media weather same other others way "
    "most best worst first last only rest end beginning west east north south answer question name most"
)
# Nouns that a question is built with rather than about.
GENERIC = _words(
    "article aspect question thing fact example answer name kind type way reason part lot other one information"
)
# Nouns of a part or property: left without an owner, they belong to what was spoken of.
RELATIONAL = _words(
    "type example symptom cause effect benefit advantage disadvantage member option alternative feature "
    "result finding step "
    "requirement component part difference similarity use reason consequence version model layer side purpose goal aim "
    "cost price origin impact role significance importance author founder capital population treatment "
    "risk drawback pro "
    "con method stage leader participant signatory term condition outcome response reaction"
)
AWARD_NOUNS = _words("prize award medal cup trophy title hall-of-fame oscar emmy grammy")
WORK_NOUNS = _words(
    "album song film movie novel show series single track episode game band group record play opera poem"
)

MONTHS = _words(
    "january february march april may june july august september october november december jan feb mar apr jun jul "
    "aug sep sept oct nov dec"
)
NUMBER_WORDS = {"two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10}

COUNTRIES = frozenset(
    name.strip()
    for name in """
    afghanistan, albania, algeria, argentina, armenia, australia, austria, azerbaijan, bangladesh, belarus, belgium,
    bolivia, brazil, bulgaria, cambodia, canada, chile, china, colombia, croatia, cuba, cyprus, czechoslovakia, denmark,
    ecuador, egypt, england, estonia, ethiopia, finland, france, georgia, germany, ghana, great britain, britain,
    greece,
    hungary, iceland, india, indonesia, iran, iraq, ireland, israel, italy, jamaica, japan, jordan, kazakhstan, kenya,
    kyrgyzstan, laos, latvia, lebanon, libya, lithuania, malaysia, mexico, moldova, mongolia, morocco, myanmar, nepal,
    netherlands, new zealand, nigeria, north korea, norway, pakistan, palestine, panama, peru, philippines, poland,
    portugal, qatar, romania, russia, russian federation, saudi arabia, scotland, serbia, singapore, slovakia, slovenia,
    somalia, south africa, south korea, korea, soviet union, spain, sudan, sweden, switzerland, syria, taiwan,
    tajikistan,
    thailand, tunisia, turkey, turkmenistan, ukraine, united kingdom, united states, united states of america, uruguay,
    uzbekistan, venezuela, vietnam, wales, yugoslavia, zimbabwe, ussr, us, usa, uk, u.s, prc, eu, european union,
    america
    """.split(",")
)
# Capitals stand for their governments in news text, so they answer to "it" and "they" as well as to "there".
CITIES = _words(
    "moscow tokyo washington beijing london paris berlin kiev kyiv brussels ankara delhi rome madrid vienna geneva "
    "seoul pyongyang warsaw helsinki stockholm oslo ottawa canberra cairo tehran jerusalem istanbul sapporo osaka "
    "kyoto hiroshima nagasaki petersburg vladivostok chicago boston bristol manchester shanghai mumbai sydney"
)
REGIONS = _words("asia europe africa america antarctica siberia scandinavia balkans pacific atlantic arctic crimea")
FEMALE_NAMES = _words(
    "maria mary anna anne elena olga natalia tatiana ekaterina catherine katherine elizabeth margaret angela hillary "
    "susan sarah laura julia emma jane alice rosalind lea patricia linda barbara jennifer jessica karen nancy lisa "
    "betty helen sandra donna carol ruth sharon michelle amanda melissa deborah stephanie rebecca cynthia kathleen amy "
    "shirley bonnie marion courtney britney taylor beyonce madonna ursula yuriko yoko sanae naomi victoria diana "
    "charlotte emily sophia sofia olivia grace rose lucy marie eleanor florence agatha indira benazir theresa marina "
    "irina svetlana ludmila valentina larisa galina yulia oksana kamala nikki christine janet martha rachel gloria"
)
MALE_NAMES = _words(
    "vladimir sergey sergei mikhail dmitry dimitry alexander aleksandr alexei andrey andrei boris ivan igor oleg yuri "
    "valery viktor nikita nikolai joseph leonid konstantin anton maxim pavel roman john james robert michael william "
    "david richard thomas charles christopher daniel matthew anthony donald mark paul steven andrew kenneth george "
    "joshua kevin brian edward ronald timothy jason jeffrey ryan gary nicholas eric jonathan stephen "
    "larry justin scott "
    "frank franklin winston barack joe harry peter henry arthur albert isaac louis bill jack fumio shinzo shigeru "
    "shunichi takizo mamoru kumao yoshimasa hirokazu yoshihide taro junichiro xi rahm antony emmanuel olaf boris ben "
    "walt carl karl fred ed sam tom tim jim bob dan don ron ray roy max leo adam alan albert simon philip martin"
)
