//! XML of metadata files as a tree. May not know what elements mean. Read [`parse`].

use quick_xml::events::Event;
use quick_xml::reader::Reader;

/// Elements within each other that are taken.
const DEEPEST: usize = 32;

/// An element: its name without prefix, the text in it, the elements in it.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Node {
    pub(crate) name: String,
    pub(crate) text: String,
    pub(crate) children: Vec<Node>,
}

impl Node {
    /// The text of the first element with a name.
    pub(crate) fn text_of(&self, name: &str) -> Option<&str> {
        self.child(name).map(|child| child.text.as_str())
    }

    pub(crate) fn child(&self, name: &str) -> Option<&Node> {
        self.children.iter().find(|child| child.name == name)
    }

    pub(crate) fn all<'n>(&'n self, name: &'n str) -> impl Iterator<Item = &'n Node> {
        self.children.iter().filter(move |child| child.name == name)
    }
}

/// The root element of a document.
pub(crate) fn parse(bytes: &[u8]) -> Result<Node, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "invalid UTF-8".to_owned())?;
    let mut reader = Reader::from_str(text);
    let mut open: Vec<Node> = Vec::new();
    let mut root = None;
    loop {
        match reader.read_event().map_err(|error| error.to_string())? {
            Event::Start(start) if open.len() < DEEPEST => open.push(named(start.local_name().as_ref())),
            Event::Empty(start) => add(&mut open, &mut root, named(start.local_name().as_ref())),
            Event::End(_) => {
                let Some(mut node) = open.pop() else { return Err("unexpected end".to_owned()) };
                node.text = node.text.trim().to_owned();
                add(&mut open, &mut root, node);
            }
            Event::Text(piece) => put(&mut open, &String::from_utf8_lossy(piece.as_ref())),
            Event::CData(piece) => put(&mut open, &String::from_utf8_lossy(piece.as_ref())),
            Event::GeneralRef(entity) => {
                let name: &[u8] = &entity;
                let text = match name {
                    b"amp" => "&",
                    b"lt" => "<",
                    b"gt" => ">",
                    b"quot" => "\"",
                    b"apos" => "'",
                    _ => return Err("the entity is not declared".to_owned()),
                };
                put(&mut open, text);
            }
            Event::Decl(_) | Event::Comment(_) => {}
            Event::Eof => {
                return root.filter(|_| open.is_empty()).ok_or_else(|| "Premature end of file.".to_owned());
            }
            Event::Start(_) | Event::DocType(_) | Event::PI(_) => {
                return Err("not allowed in metadata".to_owned());
            }
        }
    }
}

fn named(name: &[u8]) -> Node {
    Node { name: String::from_utf8_lossy(name).into_owned(), ..Node::default() }
}

fn add(open: &mut [Node], root: &mut Option<Node>, node: Node) {
    match open.last_mut() {
        Some(parent) => parent.children.push(node),
        None => *root = Some(node),
    }
}

fn put(open: &mut [Node], text: &str) {
    if let Some(node) = open.last_mut() {
        node.text.push_str(text);
    }
}
