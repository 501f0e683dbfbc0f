//! The check of a parsed expression (language, 5.4): which fields it names, and what is wrong with it, all at once.

mod calls;

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use rhai::{AST, ASTNode, Dynamic, Expr, FnCallExpr, FnPtr, Position, Stmt, StmtBlock};

use super::ExprProblem;
use super::chain::{Step, byte_of_position, chain, is_null, path, variable};
use super::functions::{self, Body};
use super::operators::Operator;
use super::scan::{Kind, Piece, pieces};
use super::script::{FieldUse, ScriptKind, Var};

/// What the walk found.
#[derive(Debug, Default)]
pub(super) struct Analysis {
    /// Fields by variable, in the order of the text.
    pub(super) fields: Vec<(Var, FieldUse)>,
    /// Variables that are used.
    pub(super) variables: BTreeSet<Var>,
    /// Places of `record[computed]`.
    pub(super) computed: Vec<(Var, Range<usize>)>,
    /// Pipelines that `linked("…", …)` names.
    pub(super) linked: Vec<(Arc<str>, Range<usize>)>,
    /// Mistakes.
    pub(super) problems: Vec<ExprProblem>,
}

/// Walks the whole tree, bodies of closures included.
pub(super) fn analyse(text: &str, kind: ScriptKind, ast: &AST) -> Analysis {
    let pieces = pieces(text);
    let mut walk = Walk { text, kind, closure_names: BTreeSet::new(), found: Analysis::default() };
    walk.closures(&pieces);
    // Top-level statements of the expression, then those of the bodies of closures.
    ast.walk(&mut |path: &[ASTNode<'_>]| {
        if let [ASTNode::Stmt(statement)] = path {
            walk.statement(statement);
        }
        true
    });
    walk.found.problems.sort_by_key(|problem| problem.start);
    walk.found.problems.dedup();
    walk.found
}

struct Walk<'a> {
    text: &'a str,
    kind: ScriptKind,
    /// Names of the items of closures, wherever they stand.
    closure_names: BTreeSet<String>,
    found: Analysis,
}

impl Walk<'_> {
    fn place(&self, position: Position, length: usize) -> Range<usize> {
        let start = byte_of_position(self.text, position);
        start..(start + length).min(self.text.len())
    }

    fn problem(&mut self, problem: ExprProblem) {
        self.found.problems.push(problem);
    }

    /// Finds `|name|`. The parser mixes these names with those that a closure takes from outside.
    fn closures(&mut self, pieces: &[Piece]) {
        let is_bar = |piece: &Piece| piece.kind == Kind::Sign && &self.text[piece.place.clone()] == "|";
        let bars: Vec<usize> = (0..pieces.len()).filter(|at| is_bar(&pieces[*at])).collect();
        let mut problems = Vec::new();
        for pair in bars.windows(2) {
            let between = &pieces[pair[0] + 1..pair[1]];
            let words: Vec<&Piece> = between.iter().filter(|piece| piece.kind == Kind::Word).collect();
            let commas = between.iter().filter(|piece| &self.text[piece.place.clone()] == ",").count();
            if words.is_empty() || words.len() + commas != between.len() {
                continue;
            }
            for word in &words {
                let name = &self.text[word.place.clone()];
                if Var::of(name).is_some() {
                    let problem = ExprProblem::new(
                        "E402",
                        format!("`{name}` is already a variable"),
                        word.place.clone(),
                    );
                    problems.push(problem.help("choose another name for the item of the list: |item| …"));
                }
                self.closure_names.insert(name.to_owned());
            }
            if words.len() > 1 {
                let place = words[0].place.start..words[words.len() - 1].place.end;
                let problem = ExprProblem::new("E403", "a closure gets one item", place);
                problems.push(problem.help("|item| …"));
            }
        }
        self.found.problems.append(&mut problems);
    }

    fn block(&mut self, block: &StmtBlock) {
        for statement in block.statements() {
            self.statement(statement);
        }
    }

    fn statement(&mut self, statement: &Stmt) {
        match statement {
            Stmt::Noop(_) | Stmt::Share(_) => {}
            Stmt::Expr(expr) => self.expr(expr),
            Stmt::FnCall(call, position) => self.call(call, *position),
            Stmt::Block(block) => self.block(block),
            Stmt::If(flow, _) => {
                self.expr(&flow.expr);
                self.block(&flow.body);
                self.block(&flow.branch);
            }
            Stmt::Switch(switch, _) => {
                self.expr(&switch.0);
                for case in &switch.1.expressions {
                    self.expr(&case.lhs);
                    self.expr(&case.rhs);
                }
            }
            Stmt::Assignment(pair) => {
                let place = self.place(pair.0.position(), 1);
                self.problem(
                    ExprProblem::new("E405", "`=` compares nothing", place)
                        .label("an expression cannot change the record")
                        .help("use `==` to compare"),
                );
            }
            other => {
                let place = self.place(other.position(), 1);
                self.problem(
                    ExprProblem::new("E401", "this does not exist in expressions", place)
                        .help("an expression is one value: no let, no loops, no return"),
                );
            }
        }
    }

    fn expr(&mut self, expr: &Expr) {
        match expr {
            Expr::CharConstant(letter, position) => {
                let place = self.place(*position, letter.len_utf8() + 2);
                let better = format!("\"{letter}\"");
                self.problem(
                    ExprProblem::new("E401", "text is written in double quotes", place.clone())
                        .label("single quotes")
                        .help(better.clone())
                        .fix(place, better),
                );
            }
            Expr::InterpolatedString(parts, _) | Expr::Array(parts, _) => {
                parts.iter().for_each(|part| self.expr(part));
            }
            Expr::Map(pairs, _) => pairs.0.iter().for_each(|(_, value)| self.expr(value)),
            Expr::And(parts, _) | Expr::Or(parts, _) | Expr::Coalesce(parts, _) => {
                parts.iter().for_each(|part| self.expr(part));
            }
            Expr::Variable(name, _, position) => self.variable(&name.1, *position),
            Expr::ThisPtr(position) => self.variable("this", *position),
            Expr::Stmt(block) if !is_closure(expr) => self.block(block),
            Expr::FnCall(call, position) | Expr::MethodCall(call, position) => self.call(call, *position),
            Expr::Dot(..) | Expr::Index(..) => self.chain(expr),
            closure if is_closure(closure) => {
                let place = self.place(closure.start_position(), 1);
                self.problem(
                    ExprProblem::new("E403", "a closure cannot stand here", place).help(
                        "closures belong to map, filter, any and all: record.Tags.map(|tag| lower(tag))",
                    ),
                );
            }
            _ => {}
        }
    }

    /// A variable as a whole: a value, or one of those that only have fields.
    fn variable(&mut self, name: &str, position: Position) {
        let place = self.place(position, name.len());
        match Var::of(name).filter(|var| var.exists_in(self.kind)) {
            Some(var) if var.is_record() || var == Var::Pipeline => {
                let example =
                    if var == Var::Pipeline { "pipeline.name".to_owned() } else { format!("{name}.Name") };
                let title = format!("`{name}` is not a value, it has fields");
                self.problem(
                    ExprProblem::new("E406", title, place)
                        .help(format!("name a field of it, as in {example}")),
                );
            }
            Some(var) => drop(self.found.variables.insert(var)),
            None if self.closure_names.contains(name) => {}
            None => self.unknown_variable(name, place),
        }
    }

    fn unknown_variable(&mut self, name: &str, place: Range<usize>) {
        let names: Vec<&str> = Var::names(self.kind).collect();
        // `pipeline` is seldom meant; the list stays short without it.
        let list = names.iter().filter(|name| **name != "pipeline").copied().collect::<Vec<_>>().join(", ");
        let problem = ExprProblem::new("E402", format!("unknown variable `{name}`"), place);
        let help = if let Some(function) = functions::find(name) {
            format!("`{name}` is a function: {}", function.signature)
        } else if Var::of(name).is_some() {
            format!("a filter looks at the whole record: record.Status == \"Open\"  ({list})")
        } else if let Some(near) = nearest(name, names.into_iter()) {
            format!("did you mean `{near}`?  ({list})")
        } else {
            format!("fields are written record.{name}; the variables are {list}")
        };
        self.problem(problem.help(help));
    }

    fn call(&mut self, call: &FnCallExpr, position: Position) {
        if call.name == "curry" && call.args.first().is_some_and(is_closure) {
            return;
        }
        if call.is_operator_call() && call.name != "contains" {
            self.operator(call, position);
        } else {
            self.function(call, position, None);
        }
    }

    fn operator(&mut self, call: &FnCallExpr, position: Position) {
        let name = call.name.as_str();
        if let ("==" | "!=", [left, right]) = (name, call.args.as_slice()) {
            let record =
                if is_null(right) { variable(left) } else { variable(right).filter(|_| is_null(left)) };
            if let Some(var) = record.filter(|var| var.is_record() && var.exists_in(self.kind)) {
                self.found.variables.insert(var);
                return;
            }
        }
        if Operator::of(name).is_none() && name != "!" {
            let place = self.place(position, name.len());
            let help = match name {
                "&" => "both of two conditions is written `&&`",
                "|" => "one of two conditions is written `||`",
                _ => "there are + - * / % == != < <= > >= && || ! ?? and `in`",
            };
            self.problem(
                ExprProblem::new("E401", format!("`{name}` does not exist in expressions"), place).help(help),
            );
        }
        call.args.iter().for_each(|arg| self.expr(arg));
    }

    fn chain(&mut self, expr: &Expr) {
        let Some((root, steps)) = chain(expr) else { return };
        let taken = match variable(root).filter(|var| var.exists_in(self.kind)) {
            Some(var) if var.is_record() => self.fields_of(var, root, &steps),
            Some(Var::Pipeline) => self.pipeline(root, &steps),
            _ => {
                self.expr(root);
                0
            }
        };
        let mut before = (taken == 0).then_some(root);
        for step in &steps[taken..] {
            match step {
                Step::Field(..) => {}
                Step::Index(index) => self.expr(index),
                // The receiver counts as an argument; anything stands for it but a whole record.
                Step::Method(call, position) => {
                    self.method(call, *position, before.unwrap_or(&Expr::Unit(Position::NONE)));
                }
            }
            before = None;
        }
    }

    /// Notes the field a chain begins with. Returns how many steps that were.
    fn fields_of(&mut self, var: Var, root: &Expr, steps: &[Step<'_>]) -> usize {
        self.found.variables.insert(var);
        if let Some((path, span, taken)) = path(self.text, steps) {
            self.found.fields.push((var, FieldUse { path: Arc::from(path), span, optional: false }));
            return taken;
        }
        match steps.first() {
            Some(Step::Index(index)) => {
                let place = self.place(index.start_position(), 1);
                self.found.computed.push((var, place));
                0
            }
            Some(Step::Method(call, _))
                if functions::find(&call.name).is_some_and(|f| matches!(f.body(), Body::Record(..))) =>
            {
                0
            }
            _ => {
                self.variable(var.name(), root.position());
                0
            }
        }
    }

    fn pipeline(&mut self, root: &Expr, steps: &[Step<'_>]) -> usize {
        self.found.variables.insert(Var::Pipeline);
        match steps.first() {
            Some(Step::Field("name" | "generation", _)) => 1,
            Some(Step::Field(name, position)) => {
                let place = self.place(*position, name.len());
                let title = format!("`pipeline` has no `{name}`");
                self.problem(
                    ExprProblem::new("E402", title, place).help("pipeline.name, pipeline.generation"),
                );
                1
            }
            _ => {
                self.variable("pipeline", root.position());
                0
            }
        }
    }
}

/// A closure, alone or with the values it takes from outside.
pub(super) fn is_closure(expr: &Expr) -> bool {
    match expr {
        Expr::DynamicConstant(value, _) => Dynamic::is::<FnPtr>(value),
        Expr::Stmt(block) => matches!(block.statements().first(), Some(Stmt::Share(_))),
        _ => false,
    }
}

/// The name that was probably meant.
fn nearest<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let allowed = (name.chars().count() / 3).clamp(1, 3);
    let lower = name.to_lowercase();
    names
        .map(|candidate| (strsim::damerau_levenshtein(&lower, candidate), candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}
