package personaldata

import (
	"regexp"
	"strings"
)

// given and family are names that many people have, in several countries. A column of people's names has some of them in most
// samples, and other columns have few.
var (
	given = set(`
aaron abigail adam adrian agnieszka ahmed aisha alan albert alejandro alessandro alex alexander alexandra alfred ali alice alicia amanda amelia amir amy ana anastasia anders andrea andreas andrei andrew angela anita anja ann anna anne anthony antoine antonio anton anya arjun arthur ashley astrid ava barbara beatriz ben benjamin bernard bertha betty bill björn bob brandon brenda brian bruno camila carl carla carlos carmen carol caroline catherine cecilia charles charlotte chen chloe chris christian christina christine christopher claire clara claudia cleo colin connor cristina cynthia daisy dan daniel daniela david deborah dennis diana diego dmitri donald donna dorothy douglas dylan edith eduardo edward elena eleanor elias elif elisa elizabeth ella ellen emil emilia emily emma emmanuel enrique eric erik erika ernst esther ethan eva eve evelyn fatima felix fernando finn fiona florian frances francesca francesco francisco frank franz fred frederik friedrich gabriel gabriela gary george georg gerald gianni giorgio giovanni giulia gloria grace greta gregory guillaume gustav hannah hans harold harry hassan heather heidi heinrich helen helena henry hiroshi hugo ian ibrahim ida igor ines inga ingrid irene isaac isabel isabella ivan jack jacob jakob james jan jane janet jason javier jean jeff jeffrey jennifer jens jessica jill joan joanna joao joe johan johanna john jonas jonathan jorge jose joseph joshua juan judith julia julian julie jun karen karin karl katarzyna kate katherine kathleen katja keith kelly kenji kenneth kevin kim klaus krishna krzysztof lars laura lauren laurent lea lee lena leo leon leonard li liam lila lina linda lisa logan lorenzo louis louise luca lucas lucia lucy luigi luis luisa lukas magdalena mai malik manuel marc marcel marcin marco margaret maria mariana marie mario marion mark markus marta martha martin martina mary mason mateo matthew matthias maurice max maya megan mehmet mei melissa mercedes mia michael michel michelle miguel mike mila ming miriam mohamed mohammed monica monika muhammad nadia nancy naomi natalia natalie nathan nicholas nick nicolas nicole nikita nikolai nina noah nora olga oliver olivia omar oscar otto pablo pamela paola patricia patrick paul paula pavel pedro peter petra philip philippe pierre piotr priya rachel rahul raj ralph ravi raymond rebecca renate ricardo richard rita robert roberto robin roger roland roman rosa rose ruben ruth ryan sabine sam samantha samuel sandra sanjay sara sarah scott sean sebastian sergei sharon shirley silvia simon sofia sonia sophia sophie stefan stefano stephan stephanie stephen steven susan susanne sven sylvia takashi tanja tatiana teresa thomas tim timothy tina tobias tom tomas tomasz tony tyler ulrich ursula valentina vanessa vera victor victoria viktor vincent virginia vladimir walter wang wei wendy werner wilhelm william wojciech xavier yan yasmin ying yuki yusuf yves zhang zoe zoë zuzanna`)
	family = set(`
adams ahmed ali allen alvarez anderson andersson bailey baker barnes bauer becker bell bennett bernard bianchi braun brooks brown bruno butler byrne campbell carter castillo chan chavez chen clark cohen collins cook cooper costa cox cruz davies davis delgado diaz dubois dupont durand edwards eriksson esposito evans fernandez ferrari fischer fisher flores foster fournier fuchs garcia gomez gonzalez gonzález gray green griffin gruber gupta gutierrez hall hansen harris hartmann hayes hernandez hernández hill hoffmann horvat howard huang huber hughes hussain ibrahim ivanov ivanova jackson james jansen jenkins jensen johansson johnson jones joshi kaiser kaminski kang kaya keller kelly khan kim king klein koch kowalski krause kumar kuznetsov lambert lang larsen laurent lee lefebvre lehmann leroy lewandowski lewis li lin lindberg liu long lopez lópez lovelace maier marino martin martinez martínez mayer mehta mendoza meyer miller mitchell mohamed moore morales moreau moreno morgan morris müller murphy murray nakamura navarro nelson neumann nguyen nielsen nilsson novak nowak o'brien olsen olsson ortiz papadopoulos park parker patel peeters pereira perez pérez perry peters petersen peterson petrov phillips popescu powell price ramirez ramos reed reyes richard richardson richter rivera roberts robinson rodriguez rodríguez rogers romano romero ross rossi roux russell russo ryan sanchez sánchez sanders santos sato schäfer schmidt schmitz schneider scholz schröder schubert schulz schwarz scott sharma shah silva simon singh smith smirnov sousa stein stewart suarez sullivan suzuki svensson takahashi tan tanaka taylor thomas thompson torres tran tremblay turner vargas vasquez vogel wagner walker wang ward watanabe watson weber weiss werner white williams wilson winter wolf wong wood wright wu yamamoto yang yilmaz yildiz young zhang zhao zhou zimmermann`)
)

func set(text string) map[string]bool {
	all := map[string]bool{}
	for _, word := range strings.Fields(text) {
		all[word] = true
	}
	return all
}

var nameForm = regexp.MustCompile(`^\p{L}[\p{L}\p{M}'’.-]*(?:,? \p{L}[\p{L}\p{M}'’.-]*){0,4}$`)

// isNameLike recognizes up to five words of letters.
func isNameLike(v string) bool { return nameForm.MatchString(v) }

// isKnownName recognizes names of which a part is a given name and, if there are several parts, another one may be a
// family name.
func isKnownName(v string) bool {
	if !isNameLike(v) {
		return false
	}
	parts := strings.Fields(strings.ToLower(strings.ReplaceAll(v, ",", " ")))
	if len(parts) == 1 {
		return given[parts[0]] || family[parts[0]]
	}
	first, last := parts[0], parts[len(parts)-1]
	return given[first] || given[last] && family[first] || family[last] && len(parts) <= 3
}
