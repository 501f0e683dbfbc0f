//! A deployment: package.xml and its components are checked, and all of it is done or nothing.
//! May not know HTTP or zip. Read [`Package::read`], then [`apply`].

use std::collections::BTreeMap;

use super::component::{Flow, FlowVersion, Message, Rule};
use super::xml::{self, Node};
use super::{FlowPolicy, Inner};

/// Files that order deletions around additions, and the one that does not.
const DESTRUCTIVE: [&str; 3] =
    ["destructiveChangesPre.xml", "destructiveChanges.xml", "destructiveChangesPost.xml"];
/// The elements of an outbound message, in the only order that is taken.
const MESSAGE: [&str; 11] = [
    "fullName",
    "apiVersion",
    "description",
    "endpointUrl",
    "fields",
    "includeSessionId",
    "integrationUser",
    "name",
    "protected",
    "useDeadLetterQueue",
    "",
];

/// What came of one component.
#[derive(Debug, Clone, Default)]
pub(crate) struct Told {
    /// `WorkflowOutboundMessage`
    pub(crate) kind: String,
    /// `Opportunity.Sync_OM`
    pub(crate) name: String,
    pub(crate) file: String,
    /// What is wrong, and whether that is only a warning.
    pub(crate) problem: Option<(String, bool)>,
    pub(crate) created: bool,
    pub(crate) deleted: bool,
    pub(crate) id: Option<String>,
}

/// A component of a package: its type and its name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Component {
    pub(crate) kind: String,
    pub(crate) name: String,
}

/// The files of a deployment, read.
#[derive(Debug, Default)]
pub(crate) struct Package {
    files: BTreeMap<String, Node>,
    wanted: Vec<Component>,
    unwanted: Vec<Component>,
}

/// What the org knows that components name.
pub(crate) struct Known<'a> {
    /// Whether there is an object.
    pub(crate) object: &'a dyn Fn(&str) -> bool,
    /// Whether an object has a field.
    pub(crate) field: &'a dyn Fn(&str, &str) -> bool,
    /// Whether there is a user with this name.
    pub(crate) user: &'a dyn Fn(&str) -> bool,
    pub(crate) flows: FlowPolicy,
    /// Whether new workflow rules can be made.
    pub(crate) rules: bool,
}

impl Package {
    /// Reads the files of the archive, by name. The error is what a deployment without a usable manifest says.
    pub(crate) fn read(files: &BTreeMap<String, Vec<u8>>) -> Result<Self, String> {
        let mut package = Self::default();
        for (name, bytes) in files {
            let node = xml::parse(bytes).map_err(|error| format!("Error parsing file {name}: {error}"))?;
            package.files.insert(name.clone(), node);
        }
        let manifest = package.files.get("package.xml").ok_or("No package.xml found")?;
        if manifest.name != "Package" || manifest.text_of("version").is_none() {
            return Err("package.xml: Required field is missing: version".to_owned());
        }
        package.wanted = members(manifest);
        for name in DESTRUCTIVE {
            let found = package.files.get(name).map(members).unwrap_or_default();
            if found.iter().any(|component| component.name == "*") {
                return Err(format!("{name}: Wildcards are not supported"));
            }
            package.unwanted.extend(found);
        }
        Ok(package)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.wanted.is_empty() && self.unwanted.is_empty()
    }
}

fn members(manifest: &Node) -> Vec<Component> {
    let types = manifest.all("types");
    let each = types.flat_map(|kind| {
        let name = kind.text_of("name").unwrap_or_default().to_owned();
        kind.all("members").map(move |member| Component { kind: name.clone(), name: member.text.clone() })
    });
    each.collect()
}

/// Does it, and tells what came of each component. Nothing stays of it where anything failed.
pub(crate) fn apply(inner: &mut Inner, package: &Package, known: &Known<'_>) -> Vec<Told> {
    let (messages, rules, flows) = (inner.messages.clone(), inner.rules.clone(), inner.flows.clone());
    let mut told = Vec::new();
    for component in &package.unwanted {
        told.push(remove(inner, component));
    }
    for component in &package.wanted {
        told.push(add(inner, package, (component, known)));
    }
    // What refers to something that is gone now, or was never there.
    let dangling: Vec<String> = dangling(inner);
    for name in dangling {
        let problem = format!("This component is in use by another component: {name}");
        told.push(failed(&Component { kind: "WorkflowOutboundMessage".to_owned(), name }, "", problem));
    }
    if told.iter().any(|one| matches!(one.problem, Some((_, false)))) {
        (inner.messages, inner.rules, inner.flows) = (messages, rules, flows);
    }
    told
}

fn failed(component: &Component, file: &str, problem: String) -> Told {
    let (kind, name) = (component.kind.clone(), component.name.clone());
    Told { kind, name, file: file.to_owned(), problem: Some((problem, false)), ..Told::default() }
}

fn remove(inner: &mut Inner, component: &Component) -> Told {
    let (kind, name) = (component.kind.as_str(), component.name.as_str());
    let file = "destructiveChanges.xml".to_owned();
    let before = inner.messages.len() + inner.rules.len() + versions(inner);
    match kind {
        "WorkflowOutboundMessage" => inner.messages.retain(|message| message.full_name() != name),
        "WorkflowRule" => inner.rules.retain(|rule| format!("{}.{}", rule.object, rule.name) != name),
        "Flow" => {
            let (stem, number) = match name.rsplit_once('-') {
                Some((stem, number)) => (stem, number.parse::<u32>().ok()),
                None => (name, None),
            };
            let named = inner.flows.iter().find(|flow| flow.name == stem);
            if named.is_some_and(|flow| flow.active.is_some() && (number.is_none() || flow.active == number))
            {
                let problem = "This version of the flow is active and can't be deleted; deactivate it first";
                return failed(component, &file, problem.to_owned());
            }
            for flow in inner.flows.iter_mut().filter(|flow| flow.name == stem) {
                flow.versions.retain(|version| number.is_some_and(|number| number != version.number));
            }
            inner.flows.retain(|flow| !flow.versions.is_empty());
        }
        _ => return failed(component, &file, format!("Unknown type name '{kind}' specified in package.xml")),
    }
    let (kind, name) = (kind.to_owned(), name.to_owned());
    if before == inner.messages.len() + inner.rules.len() + versions(inner) {
        let problem = Some((format!("No {kind} named: {name} found"), true));
        return Told { kind, name, file, problem, ..Told::default() };
    }
    Told { kind, name, file, deleted: true, ..Told::default() }
}

fn versions(inner: &Inner) -> usize {
    inner.flows.iter().map(|flow| flow.versions.len()).sum()
}

fn add(inner: &mut Inner, package: &Package, (component, known): (&Component, &Known<'_>)) -> Told {
    let file = match component.kind.as_str() {
        "WorkflowOutboundMessage" | "WorkflowRule" => {
            let object = component.name.split('.').next().unwrap_or_default();
            format!("workflows/{object}.workflow")
        }
        "Flow" => format!("flows/{}.flow", component.name),
        other => {
            let problem = format!("Unknown type name '{other}' specified in package.xml");
            return failed(component, "package.xml", problem);
        }
    };
    let Some(root) = package.files.get(&file) else {
        let problem = format!(
            "An object '{}' of type {} was named in package.xml, but was not found in zipped directory",
            component.name, component.kind
        );
        return failed(component, "package.xml", problem);
    };
    let done = match component.kind.as_str() {
        "Flow" => flow(inner, &component.name, (root, known)),
        kind => workflow(inner, (kind, &component.name), (root, known)),
    };
    match done {
        Ok((id, created)) => {
            let (kind, name) = (component.kind.clone(), component.name.clone());
            Told { kind, name, file, created, id: Some(id), ..Told::default() }
        }
        Err(problem) => failed(component, &file, problem),
    }
}

fn workflow(
    inner: &mut Inner,
    (kind, full_name): (&str, &str),
    (root, known): (&Node, &Known<'_>),
) -> Result<(String, bool), String> {
    let (object, name) = full_name.split_once('.').ok_or("Invalid fullName")?;
    if !(known.object)(object) {
        return Err(format!("Entity of type 'Workflow' named '{object}' cannot be found"));
    }
    let element = if kind == "WorkflowRule" { "rules" } else { "outboundMessages" };
    let node = root.all(element).find(|node| node.text_of("fullName") == Some(name));
    let node = node.ok_or_else(|| {
        format!("An object '{full_name}' of type {kind} was named in package.xml, but was not found in zipped directory")
    })?;
    if kind == "WorkflowRule" {
        rule(inner, (object, name), (node, known))
    } else {
        message(inner, (object, name), (node, known))
    }
}

fn message(
    inner: &mut Inner,
    (object, name): (&str, &str),
    (node, known): (&Node, &Known<'_>),
) -> Result<(String, bool), String> {
    let mut at = 0;
    for child in &node.children {
        let found = MESSAGE.iter().position(|known| *known == child.name).filter(|found| *found >= at);
        at = found.ok_or_else(|| {
            format!("Element {{http://soap.sforce.com/2006/04/metadata}}{} invalid at this location in type WorkflowOutboundMessage", child.name)
        })?;
    }
    let required = |field: &str| node.text_of(field).ok_or(format!("Required field is missing: {field}"));
    let endpoint = required("endpointUrl")?.to_owned();
    if !(endpoint.starts_with("http://") || endpoint.starts_with("https://")) {
        return Err("Endpoint URL: invalid URL".to_owned());
    }
    let user = required("integrationUser")?;
    if !(known.user)(user) {
        return Err(format!("In field: integrationUser - no User named {user} found"));
    }
    required("name")?;
    required("includeSessionId")?;
    let fields: Vec<String> = node.all("fields").map(|field| field.text.clone()).collect();
    if let Some(field) = fields.iter().find(|field| !(known.field)(object, field)) {
        return Err(format!("In field: fields - no CustomField named {object}.{field} found"));
    }
    let version = required("apiVersion")?.to_owned();
    let known = inner.messages.iter().find(|message| message.object == object && message.name == name);
    let (id, created) = (known.map(|message| message.id), known.is_none());
    let id = id.unwrap_or_else(|| inner.next_id(*b"04k"));
    inner.messages.retain(|message| message.id != id);
    let (object, name) = (object.to_owned(), name.to_owned());
    inner.messages.push(Message { id, object, name, endpoint, fields, version });
    Ok((id.to_string(), created))
}

fn rule(
    inner: &mut Inner,
    (object, name): (&str, &str),
    (node, known): (&Node, &Known<'_>),
) -> Result<(String, bool), String> {
    let is_new = !inner.rules.iter().any(|rule| rule.object == object && rule.name == name);
    if is_new && !known.rules {
        return Err("You can't create a workflow rule. Use Flow Builder instead.".to_owned());
    }
    if node.text_of("formula").is_none() && node.child("criteriaItems").is_none() {
        return Err("Required field is missing: formula".to_owned());
    }
    let actions = node.all("actions").filter(|action| action.text_of("type") == Some("OutboundMessage"));
    let actions = actions.filter_map(|action| action.text_of("name").map(str::to_owned)).collect();
    let active = node.text_of("active") == Some("true");
    inner.rules.retain(|rule| !(rule.object == object && rule.name == name));
    let (object, name) = (object.to_owned(), name.to_owned());
    inner.rules.push(Rule { object, name, active, actions });
    Ok((inner.next_id(*b"01Q").to_string(), is_new))
}

fn flow(inner: &mut Inner, name: &str, (root, known): (&Node, &Known<'_>)) -> Result<(String, bool), String> {
    if name.contains("__") || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
        return Err(format!("{name}: The API name can only contain underscores and alphanumeric characters"));
    }
    let start = root.child("start").ok_or("Required field is missing: start")?;
    let object = start.text_of("object").ok_or("Required field is missing: object")?.to_owned();
    if !(known.object)(&object) {
        return Err(format!("We couldn't find an object named {object}"));
    }
    let calls = root.all("actionCalls").filter(|call| call.text_of("actionType") == Some("outboundMessage"));
    let actions = calls.filter_map(|call| call.text_of("actionName").map(str::to_owned)).collect();
    let wants = root.text_of("status") == Some("Active");
    if wants && known.flows == FlowPolicy::Refused {
        return Err("The flow can't be activated: it has no test coverage in this org".to_owned());
    }
    let version_id = inner.next_id(*b"301");
    let trigger = start.text_of("recordTriggerType").unwrap_or("Create").to_owned();
    if !inner.flows.iter().any(|flow| flow.name == name) {
        let id = inner.next_id(*b"300");
        inner.flows.push(Flow { id, name: name.to_owned(), versions: Vec::new(), active: None });
    }
    let Some(flow) = inner.flows.iter_mut().find(|flow| flow.name == name) else { return Err(String::new()) };
    let number = flow.versions.last().map_or(1, |version| version.number + 1);
    let created = flow.versions.is_empty();
    flow.versions.push(FlowVersion { id: version_id, number, object, actions, trigger });
    if wants && known.flows == FlowPolicy::Active {
        flow.active = Some(number);
    }
    Ok((version_id.to_string(), created))
}

/// Messages that flows or rules send and that are not there.
fn dangling(inner: &Inner) -> Vec<String> {
    let flows =
        inner.flows.iter().flat_map(|flow| &flow.versions).flat_map(|version| version.actions.clone());
    let of_rule = |rule: &Rule| -> Vec<String> {
        rule.actions.iter().map(|action| format!("{}.{action}", rule.object)).collect()
    };
    let rules = inner.rules.iter().flat_map(of_rule);
    let is_there = |name: &String| inner.messages.iter().any(|message| message.full_name() == *name);
    flows.chain(rules).filter(|name| !is_there(name)).collect()
}
