//! Names and texts of generated records, realistic and ugly.
//! May not know objects. Read [`Texts`] first.

use super::rng::Rng;

pub(super) const FIRST_NAMES: [&str; 40] = [
    "Ann",
    "John",
    "Maria",
    "Zoë",
    "José",
    "Søren",
    "François",
    "Mary-Jane",
    "太郎",
    "Иван",
    "Nguyễn",
    "Łukasz",
    "Aoife",
    "Jürgen",
    "Omar",
    "Priya",
    "Chidi",
    "Ελένη",
    "Li",
    "Fatima",
    "Karin",
    "Björn",
    "Grace",
    "Noor",
    "דוד",
    "Sofia",
    "Tomáš",
    "Inês",
    "Ada",
    "محمد",
    "Min-jun",
    "Peter",
    "Anna-Lena",
    "D'Angelo",
    "Siobhán",
    "Xochitl",
    "สมชาย",
    "ज्योति",
    "Gökçe",
    "Ærika",
];

pub(super) const LAST_NAMES: [&str; 40] = [
    "Smith",
    "O'Neil",
    "García Márquez",
    "Lindström",
    "Kjærgaard",
    "Lefèvre",
    "山田",
    "Петров",
    "Thị Minh",
    "Wójcik",
    "Ní Bhriain",
    "Müller-Lüdenscheidt",
    "Al-Farsi",
    "Raghunathan",
    "Okonkwo",
    "Παπαδοπούλου",
    "de la Cruz",
    "Wei",
    "van den Berg",
    "כהן",
    "Rossi",
    "Dvořák",
    "Conceição",
    "Lovelace",
    "الهاشمي",
    "Kim",
    "Null",
    "Test",
    "N/A",
    "Jones",
    "Åkesson",
    "Öberg",
    "Hopper",
    "St. John",
    "McDonald",
    "ใจดี",
    "शर्मा",
    "Yılmaz",
    "D’Arcy",
    "Nakamura",
];

const COMPANY_STEMS: [&str; 40] = [
    "Acme",
    "Globex",
    "Initech",
    "Umbrella",
    "Hooli",
    "Stark",
    "Wayne",
    "Wonka",
    "Soylent",
    "Cyberdyne",
    "Aperture",
    "Tyrell",
    "Vandelay",
    "Dunder",
    "Pied Piper",
    "Blå Jungfrun",
    "Café Crème",
    "東京電機",
    "Ромашка",
    "Ελληνική",
    "Søstrene",
    "Zürich",
    "São Bento",
    "Łódź",
    "İstanbul",
    "Smith & Sons",
    "A \"Quoted\" Name",
    "Comma, Sons",
    "Semi;colon",
    "Tab\tbed",
    "Back\\slash",
    "null",
    "N/A",
    "#N/A",
    "<b>Bold</b>",
    "100% Pure",
    "O'Reilly",
    "AT&T-ish",
    "=SUM(A1)",
    "🚀 Rocket",
];

const COMPANY_KINDS: [&str; 16] = [
    "Inc.",
    "GmbH",
    "AB",
    "Ltd",
    "S.A.",
    "SARL",
    "Holding",
    "株式会社",
    "ООО",
    "Group",
    "Labs",
    "Systems",
    "Energy",
    "Logistics",
    "& Co. KG",
    "Partners",
];

pub(super) const CITIES: [(&str, &str, &str); 16] = [
    ("Paris", "FR", "75002"),
    ("Stockholm", "SE", "111 22"),
    ("Berlin", "DE", "10115"),
    ("München", "DE", "80331"),
    ("London", "GB", "EC1A 1BB"),
    ("New York", "US", "10001"),
    ("San José", "US", "95113"),
    ("東京", "JP", "100-0001"),
    ("Москва", "RU", "101000"),
    ("Αθήνα", "GR", "105 57"),
    ("Kraków", "PL", "30-001"),
    ("São Paulo", "BR", "01000-000"),
    ("Zürich", "CH", "8001"),
    ("Malmö", "SE", "211 19"),
    ("Dublin", "IE", ""),
    ("Giugliano in Campania", "IT", "80014"),
];

const SENTENCES: [&str; 20] = [
    "Met them at the conference.",
    "Wants a quote by Friday, \"no later\".",
    "Budget: 10,000; decision next quarter.",
    "Ring back after 3 p.m.\nAsk for Karin.",
    "Line one\r\nLine two\r\n\r\nLine four",
    "Pris enligt överenskommelse, moms tillkommer.",
    "<p>Copied from <b>an email</b> &amp; never cleaned</p>",
    "Tab\tseparated\tvalues",
    "C:\\Users\\ann\\Desktop\\offer.docx",
    "见附件。谢谢!",
    "Просьба перезвонить.",
    "مرحبا بالعالم",
    "N/A",
    "null",
    "#N/A",
    "-",
    "😀 all good 👍🏽",
    "'single' and \"double\" quotes, and a back`tick",
    "=HYPERLINK(\"https://example.com\")",
    "ends with a backslash \\",
];

const DOMAINS: [&str; 12] = [
    "acme.example",
    "globex.example",
    "initech.example",
    "umbrella.example",
    "gmail.example",
    "hooli.example",
    "zürich.example",
    "stark.example",
    "wayne.example",
    "soylent.example",
    "aperture.example",
    "vandelay.example",
];

/// Makes texts.
pub(super) struct Texts;

impl Texts {
    pub(super) fn company(rng: &mut Rng, number: u32) -> String {
        let stem = rng.word(&COMPANY_STEMS);
        let kind = rng.word(&COMPANY_KINDS);
        match rng.below(4) {
            0 => format!("{stem} {kind}"),
            1 => format!("{stem} {kind} {number}"),
            2 => format!("{stem} {} {number}", rng.word(&LAST_NAMES)),
            _ => format!("{stem} {number}"),
        }
    }

    /// A domain in one of the spellings that people type.
    pub(super) fn website(rng: &mut Rng) -> String {
        let domain = rng.word(&DOMAINS);
        match rng.below(6) {
            0 => format!("https://{domain}"),
            1 => format!("http://www.{domain}/"),
            2 => format!("www.{domain}"),
            3 => format!("HTTPS://WWW.{}", domain.to_uppercase()),
            4 => format!("{domain}/about?x=1"),
            _ => domain.to_owned(),
        }
    }

    /// Addresses repeat, also in other spellings.
    pub(super) fn email(rng: &mut Rng, number: u32) -> String {
        let domain = rng.word(&DOMAINS).replace('ü', "u");
        match rng.below(8) {
            0 => format!("info@{domain}"),
            1 => format!("Info@{}", domain.to_uppercase()),
            2 => format!("sales+{}@{domain}", number % 50),
            _ => format!("person{}@{domain}", number % 200_000),
        }
    }

    pub(super) fn phone(rng: &mut Rng) -> String {
        let number = rng.between(1_000_000, 9_999_999);
        match rng.below(6) {
            0 => format!("+46 8 {number}"),
            1 => format!("+1 (415) {number}"),
            2 => format!("0046-8-{number}"),
            3 => format!("08/{number}"),
            4 => format!("{number} ext. 12"),
            _ => format!("+4670{number}"),
        }
    }

    pub(super) fn sentence(rng: &mut Rng) -> &'static str {
        rng.word(&SENTENCES)
    }

    /// A text of some sentences; rarely as long as a field allows.
    pub(super) fn description(rng: &mut Rng) -> String {
        let longest = if rng.one_in(5_000) { 32_000 } else { 0 };
        let mut text = String::new();
        let sentences = rng.between(1, 4);
        for _ in 0..sentences {
            text.push_str(Self::sentence(rng));
            text.push(' ');
        }
        while text.chars().count() < longest {
            text.push_str("Lorem ipsum dolor sit amet, ÅÄÖ \"quoted\"; ");
        }
        let cut: String = if longest > 0 { text.chars().take(longest).collect() } else { text };
        cut.trim().to_owned()
    }

    pub(super) fn street(rng: &mut Rng) -> String {
        let number = rng.between(1, 200);
        match rng.below(4) {
            0 => format!("{number} rue de la Paix"),
            1 => format!("Storgatan {number}\n2 tr"),
            2 => format!("Königstraße {number}"),
            _ => format!("{number} Main St., Suite \"{}\"", number % 7),
        }
    }
}
