//! What every org begins with, as tables: stages, licences, profiles, people.

pub(super) const PIPELINE: (&str, &str) = ("Pipeline", "Pipeline");

/// Name, probability, closed, won, forecast category.
pub(super) type StageRow = (&'static str, i64, bool, bool, (&'static str, &'static str));

pub(super) const STAGES: [StageRow; 10] = [
    ("Prospecting", 10, false, false, PIPELINE),
    ("Qualification", 10, false, false, PIPELINE),
    ("Needs Analysis", 20, false, false, PIPELINE),
    ("Value Proposition", 50, false, false, PIPELINE),
    ("Id. Decision Makers", 60, false, false, PIPELINE),
    ("Perception Analysis", 70, false, false, PIPELINE),
    ("Proposal/Price Quote", 75, false, false, PIPELINE),
    ("Negotiation/Review", 90, false, false, ("BestCase", "Best Case")),
    ("Closed Won", 100, true, true, ("Closed", "Closed")),
    ("Closed Lost", 0, true, false, ("Omitted", "Omitted")),
];

pub(super) const RENEWAL_STAGES: [&str; 5] =
    ["Needs Analysis", "Proposal/Price Quote", "Negotiation/Review", "Closed Won", "Closed Lost"];
pub(super) const NEW_STAGES: [&str; 10] = [
    "Prospecting",
    "Qualification",
    "Needs Analysis",
    "Value Proposition",
    "Id. Decision Makers",
    "Perception Analysis",
    "Proposal/Price Quote",
    "Negotiation/Review",
    "Closed Won",
    "Closed Lost",
];

/// Name, licence key, number of licences.
pub(super) const LICENSES: [(&str, &str, i64); 4] = [
    ("Salesforce", "SFDC", 50),
    ("Salesforce Integration", "PID_Integration", 5),
    ("Chatter Free", "PID_CHATTER", 500),
    ("Guest User License", "PID_Guest_User", 25),
];

/// Name, position of the licence, user type.
pub(super) const PROFILES: [(&str, usize, &str); 8] = [
    ("System Administrator", 0, "Standard"),
    ("Standard User", 0, "Standard"),
    ("Sales User", 0, "Standard"),
    ("Minimum Access - API Only Integrations", 1, "Standard"),
    ("Chatter Free User", 2, "CsnOnly"),
    ("Guest Profile", 3, "Guest"),
    ("Automated Process", 0, "AutomatedProcess"),
    ("Salesforce API Only System Integrations", 1, "Standard"),
];

/// First name, last name, position of the profile, active.
pub(super) const PEOPLE: [(&str, &str, usize, bool); 40] = [
    ("Integration", "User", 3, true),
    ("Ann", "Example", 0, true),
    ("", "Automated Process", 6, true),
    ("Zoë", "Lindström", 2, true),
    ("José", "García Márquez", 2, true),
    ("Søren", "Kjærgaard", 2, true),
    ("François", "Lefèvre", 2, false),
    ("Mary-Jane", "O'Neil", 2, true),
    ("太郎", "山田", 2, true),
    ("Иван", "Петров", 2, true),
    ("Marketing", "Connector", 3, true),
    ("Nguyễn", "Thị Minh", 2, true),
    ("Łukasz", "Wójcik", 2, false),
    ("Aoife", "Ní Bhriain", 2, true),
    ("Jürgen", "Müller-Lüdenscheidt", 2, true),
    ("Omar", "Al-Farsi", 1, true),
    ("Priya", "Raghunathan", 1, true),
    ("Chidi", "Okonkwo", 1, true),
    ("Ελένη", "Παπαδοπούλου", 2, true),
    ("Bob", "de la Cruz", 2, false),
    ("Li", "Wei", 2, true),
    ("Fatima", "Zahra", 1, true),
    ("John", "Smith", 2, true),
    ("John", "Smith", 2, false),
    ("Karin", "Åkesson", 2, true),
    ("Björn", "Öberg", 2, true),
    ("Grace", "Hopper", 0, true),
    ("Noor", "van den Berg", 2, true),
    ("דוד", "כהן", 2, true),
    ("Sofia", "Rossi", 1, true),
    ("Tomáš", "Dvořák", 2, true),
    ("Ines", "Conceição", 1, true),
    ("Site", "Guest User", 5, true),
    ("Carl", "Chatter", 4, true),
    ("Dora", "Chatter", 4, true),
    ("Emil", "Chatter", 4, false),
    ("Ada", "Lovelace", 1, true),
    ("محمد", "الهاشمي", 1, true),
    ("Kim", "Min-jun", 2, true),
    ("Peter", "Left-Long-Ago", 1, false),
];
