//! The countries of the sample's customers, with names that belong there.
//!
//! All names are made up from common family names, nature words and trades.

/// Where a customer is at home.
pub(crate) struct Country {
    /// IANA time zone.
    pub timezone: &'static str,
    /// The id of the CSM who looks after this region.
    pub csm: &'static str,
    /// Whole hours that office hours there are ahead of UTC, roughly: events
    /// fall into the working day.
    pub hours_ahead: i64,
    /// BCP 47 tag.
    pub locale: &'static str,
    /// How many of every hundred customers are from here.
    pub weight: usize,
    /// First halves of company names.
    pub stems: &'static [&'static str],
    /// Second halves of company names, each with the industry it tells.
    pub trades: &'static [(&'static str, &'static str)],
    pub first_names: &'static [&'static str],
    pub last_names: &'static [&'static str],
    /// Whether the family name comes first and no space is written.
    pub family_first: bool,
}

/// Weights add up to 100.
pub(crate) const COUNTRIES: &[Country] = &[
    Country {
        timezone: "Europe/Berlin",
        csm: "csm-1",
        hours_ahead: 1,
        locale: "de",
        weight: 18,
        stems: &[
            "Müller",
            "Jäger",
            "Nordlicht",
            "Größer",
            "Lindenhof",
            "Weber",
            "Kranich",
            "Söhne Voß",
            "Ährenfeld",
            "Steinbrück",
        ],
        trades: &[
            ("Logistik GmbH", "logistics"),
            ("Optik GmbH", "retail"),
            ("Medizintechnik AG", "health care"),
            ("Verlag GmbH", "media"),
            ("Energie GmbH", "energy"),
            ("Werkzeuge KG", "manufacturing"),
        ],
        first_names: &["Jürgen", "Anke", "Björn", "Katrin", "Sönke", "Heike", "Lukas", "Mareike"],
        last_names: &["Schäfer", "Groß", "Krüger", "Lehmann", "Vogt", "Böhm", "Arndt"],
        family_first: false,
    },
    Country {
        timezone: "Europe/London",
        csm: "csm-2",
        hours_ahead: 0,
        locale: "en-GB",
        weight: 16,
        stems: &[
            "Hartley & Sons",
            "D'Arcy",
            "Fenwick",
            "Bramble",
            "Thornbury",
            "Pell",
            "Marsh",
            "Oakhanger",
            "Larkspur",
            "O'Hara & Finch",
        ],
        trades: &[
            ("Logistics Ltd", "logistics"),
            ("Foods Ltd", "food"),
            ("Press Ltd", "media"),
            ("Interiors Ltd", "retail"),
            ("Care Ltd", "health care"),
            ("Marine Ltd", "logistics"),
        ],
        first_names: &["Imogen", "Callum", "Priya", "Rhys", "Harriet", "Owen", "Zadie", "Niall"],
        last_names: &["Whitfield", "O'Neill", "Ashworth", "Patel", "Llewellyn", "Baines", "Okafor"],
        family_first: false,
    },
    Country {
        timezone: "America/New_York",
        csm: "csm-3",
        hours_ahead: -5,
        locale: "en-US",
        weight: 16,
        stems: &[
            "Blue Heron",
            "O'Malley",
            "Cedar Fork",
            "Granite",
            "Lakeside",
            "Redwing",
            "Tidewater",
            "Pine & Quill",
            "Birchwood",
            "Old Mill",
        ],
        trades: &[
            ("Freight Inc", "logistics"),
            ("Dental Group", "health care"),
            ("Software LLC", "software"),
            ("Farms Inc", "food"),
            ("Studios LLC", "media"),
            ("Insurance Inc", "insurance"),
        ],
        first_names: &["Maya", "Tyrone", "Elena", "Wyatt", "Keisha", "Noah", "Camila", "Grant"],
        last_names: &["Reyes", "Holloway", "Nguyen", "McBride", "Ferris", "O'Connor", "Dawson"],
        family_first: false,
    },
    Country {
        timezone: "America/Los_Angeles",
        csm: "csm-3",
        hours_ahead: -8,
        locale: "en-US",
        weight: 8,
        stems: &["Golden Sage", "Driftwood", "Coyote Creek", "Sequoia", "Fogline", "Manzanita"],
        trades: &[
            ("Labs Inc", "software"),
            ("Outfitters LLC", "retail"),
            ("Health Inc", "health care"),
            ("Robotics Inc", "manufacturing"),
            ("Foods LLC", "food"),
        ],
        first_names: &["Jasmine", "Diego", "Hana", "Cole", "Lucía", "Andre"],
        last_names: &["Tran", "Delgado", "Whitaker", "Park", "Fuentes", "Brandt"],
        family_first: false,
    },
    Country {
        timezone: "Europe/Paris",
        csm: "csm-2",
        hours_ahead: 1,
        locale: "fr",
        weight: 9,
        stems: &["L'Érable", "Beauséjour", "Le Chêne", "Mistral", "Rivière", "D'Aubigny"],
        trades: &[
            ("Transports SAS", "logistics"),
            ("Conseil SARL", "professional services"),
            ("Éditions SA", "media"),
            ("Crêperies SAS", "food"),
            ("Santé SAS", "health care"),
        ],
        first_names: &["Aurélie", "Benoît", "Chloé", "Thibault", "Maëlys", "Fabrice"],
        last_names: &["Lefèvre", "Moreau", "Garnier", "D'Estienne", "Bérard", "Colin"],
        family_first: false,
    },
    Country {
        timezone: "Europe/Madrid",
        csm: "csm-2",
        hours_ahead: 1,
        locale: "es",
        weight: 6,
        stems: &["Peñalba", "Olivar", "Montaña Azul", "Ríos", "Almendro", "Cigüeña"],
        trades: &[
            ("Logística SL", "logistics"),
            ("Alimentos SA", "food"),
            ("Diseño SL", "professional services"),
            ("Clínicas SL", "health care"),
            ("Sistemas SA", "software"),
        ],
        first_names: &["Iñigo", "Begoña", "Álvaro", "Nuria", "Joaquín", "Inés"],
        last_names: &["Muñoz", "Ibáñez", "Carrasco", "Núñez", "Vidal", "Ortega"],
        family_first: false,
    },
    Country {
        timezone: "Europe/Stockholm",
        csm: "csm-1",
        hours_ahead: 1,
        locale: "sv",
        weight: 5,
        stems: &["Sjöberg", "Björkhaga", "Norrsken", "Åkerlund", "Älvdal"],
        trades: &[
            ("Frakt AB", "logistics"),
            ("Bygg AB", "manufacturing"),
            ("Teknik AB", "manufacturing"),
            ("Skola AB", "education"),
        ],
        first_names: &["Åsa", "Göran", "Linnéa", "Emil", "Märta"],
        last_names: &["Lindqvist", "Öberg", "Hallgren", "Sandström", "Ekdahl"],
        family_first: false,
    },
    Country {
        timezone: "Europe/Warsaw",
        csm: "csm-1",
        hours_ahead: 1,
        locale: "pl",
        weight: 5,
        stems: &["Łukasik", "Zielony Dąb", "Wiśnia", "Żuraw", "Jesion"],
        trades: &[
            ("Transport Sp. z o.o.", "logistics"),
            ("Meble Sp. z o.o.", "retail"),
            ("Zdrowie SA", "health care"),
            ("Druk Sp. z o.o.", "media"),
        ],
        first_names: &["Małgorzata", "Paweł", "Zuzanna", "Grzegorz", "Łucja"],
        last_names: &["Wójcik", "Kowalczyk", "Dąbrowska", "Szymański", "Żak"],
        family_first: false,
    },
    Country {
        timezone: "America/Sao_Paulo",
        csm: "csm-3",
        hours_ahead: -3,
        locale: "pt-BR",
        weight: 4,
        stems: &["São Bento", "Ipê Amarelo", "Maré Alta", "Jacarandá"],
        trades: &[
            ("Logística Ltda", "logistics"),
            ("Alimentação Ltda", "food"),
            ("Saúde SA", "health care"),
            ("Educação Ltda", "education"),
        ],
        first_names: &["João", "Conceição", "Thiago", "Luíza", "Otávio"],
        last_names: &["Gonçalves", "Araújo", "Simões", "Brandão", "Leão"],
        family_first: false,
    },
    Country {
        timezone: "Asia/Tokyo",
        csm: "csm-4",
        hours_ahead: 9,
        locale: "ja",
        weight: 5,
        stems: &["青葉", "東雲", "白樺", "松風", "みなと"],
        trades: &[
            ("物流株式会社", "logistics"),
            ("食品株式会社", "food"),
            ("印刷株式会社", "media"),
            ("設計事務所", "professional services"),
        ],
        first_names: &["陽子", "健太", "美咲", "直樹", "さくら"],
        last_names: &["佐藤", "高橋", "田辺", "小川", "森本"],
        family_first: true,
    },
    Country {
        timezone: "Asia/Shanghai",
        csm: "csm-4",
        hours_ahead: 8,
        locale: "zh",
        weight: 3,
        stems: &["华辰", "江南", "云山", "金桥"],
        trades: &[("物流有限公司", "logistics"), ("教育有限公司", "education"), ("医疗器械有限公司", "health care")],
        first_names: &["丽娜", "建国", "晓明", "雪梅"],
        last_names: &["王", "陈", "刘", "赵", "周"],
        family_first: true,
    },
    Country {
        timezone: "Asia/Kolkata",
        csm: "csm-4",
        hours_ahead: 5,
        locale: "en-IN",
        weight: 3,
        stems: &["Neem Tree", "Saraswati", "Monsoon", "Banyan"],
        trades: &[("Textiles Pvt Ltd", "manufacturing"), ("Clinics Pvt Ltd", "health care"), ("Agro Pvt Ltd", "food")],
        first_names: &["Ananya", "Vikram", "Meera", "Arjun"],
        last_names: &["Iyer", "Chatterjee", "Deshmukh", "Rao", "Kulkarni"],
        family_first: false,
    },
    Country {
        timezone: "Australia/Sydney",
        csm: "csm-4",
        hours_ahead: 10,
        locale: "en-AU",
        weight: 2,
        stems: &["Wattle", "Red Gum", "Kookaburra"],
        trades: &[("Freight Pty Ltd", "logistics"), ("Wines Pty Ltd", "food"), ("Physio Pty Ltd", "health care")],
        first_names: &["Matilda", "Lachlan", "Bindi", "Hamish"],
        last_names: &["Fitzgerald", "Nolan", "D'Souza", "Burke"],
        family_first: false,
    },
];

/// What people do, for a contact's `traits.title`.
pub(crate) const TITLES: &[(&str, &str)] = &[
    ("champion", "Head of Operations"),
    ("owner", "Managing Director"),
    ("admin", "IT Administrator"),
    ("billing", "Accountant"),
    ("user", "Team Lead"),
];

/// The letters of a name that can stand in a mail address or a domain, in
/// lower case; empty when it has none (`青葉`).
pub(crate) fn ascii(name: &str) -> String {
    let mut out = String::new();
    for letter in name.to_lowercase().chars() {
        match letter {
            'a'..='z' | '0'..='9' => out.push(letter),
            'ä' | 'æ' => out.push_str("ae"),
            'ö' | 'ø' => out.push_str("oe"),
            'ü' => out.push_str("ue"),
            'ß' => out.push_str("ss"),
            'á' | 'à' | 'â' | 'ã' | 'å' | 'ą' => out.push('a'),
            'ç' | 'ć' => out.push('c'),
            'é' | 'è' | 'ê' | 'ë' | 'ę' => out.push('e'),
            'í' | 'ì' | 'î' | 'ï' => out.push('i'),
            'ł' => out.push('l'),
            'ñ' | 'ń' => out.push('n'),
            'ó' | 'ò' | 'ô' | 'õ' => out.push('o'),
            'ś' => out.push('s'),
            'ú' | 'ù' | 'û' => out.push('u'),
            'ź' | 'ż' => out.push('z'),
            ' ' | '-' if !out.is_empty() && !out.ends_with('-') => out.push('-'),
            _ => {}
        }
    }
    out.trim_end_matches('-').to_owned()
}

/// What tickets are about, and a subject in each language.
pub(crate) struct TicketTopic {
    pub topic: &'static str,
    pub en: &'static str,
    pub zh: &'static str,
}

pub(crate) const EXPORT: TicketTopic =
    TicketTopic { topic: "export", en: "CSV export stops half way", zh: "导出 CSV 中途停止" };

pub(crate) const OUTAGE: TicketTopic =
    TicketTopic { topic: "outage", en: "Nobody here can sign in", zh: "我们公司无人能登录" };

pub(crate) const TICKET_TOPICS: [TicketTopic; 6] = [
    TicketTopic { topic: "billing", en: "Question about our invoice", zh: "关于发票的问题" },
    TicketTopic { topic: "how-to", en: "How do we share a report?", zh: "如何分享报表？" },
    TicketTopic { topic: "login", en: "A colleague cannot sign in", zh: "一位同事无法登录" },
    TicketTopic { topic: "performance", en: "The dashboard is slow in the morning", zh: "早上仪表盘很慢" },
    TicketTopic { topic: "integration", en: "Connecting our CRM fails", zh: "无法连接我们的 CRM" },
    EXPORT,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_percent() {
        assert_eq!(COUNTRIES.iter().map(|country| country.weight).sum::<usize>(), 100);
        for country in COUNTRIES {
            assert!(country.timezone.parse::<chrono_tz::Tz>().is_ok(), "{}", country.timezone);
        }
    }

    #[test]
    fn names_become_addresses() {
        assert_eq!(ascii("Söhne Voß"), "soehne-voss");
        assert_eq!(ascii("Hartley & Sons"), "hartley-sons");
        assert_eq!(ascii("L'Érable"), "lerable");
        assert_eq!(ascii("青葉"), "");
    }
}
