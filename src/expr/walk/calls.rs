//! Calls: unknown functions, numbers and kinds of arguments.

use std::ops::Range;
use std::sync::Arc;

use rhai::{Expr, FnCallExpr, Position};

use crate::expr::ExprProblem;
use crate::expr::chain::variable;
use crate::expr::functions::{self, Body, Function};
use crate::expr::script::{FieldUse, Var};

use super::{Walk, is_closure, nearest};

impl Walk<'_> {
    /// A call of a function; the receiver of `x.f()` is its first argument and has been looked at.
    pub(super) fn function(&mut self, call: &FnCallExpr, position: Position, receiver: Option<&Expr>) {
        let place = self.place(position, call.name.len());
        let Some(function) = functions::find(&call.name) else {
            self.unknown_function(&call.name, place);
            call.args.iter().for_each(|arg| self.expr(arg));
            return;
        };
        let receivers = usize::from(receiver.is_some());
        let count = call.args.len() + receivers;
        if !function.arity().contains(&count) {
            self.arity(function, count, place.clone());
        }
        for (at, arg) in call.args.iter().enumerate() {
            let at = at + receivers;
            if matches!(function.body(), Body::Record(..)) && at == 0 {
                self.whole_record(function, Some(arg), place.clone());
            } else if matches!(function.body(), Body::Closure(_)) && at == 1 {
                self.closure(function, arg);
            } else {
                self.literal(function, at, arg);
                self.expr(arg);
            }
        }
    }

    fn arity(&mut self, function: &Function, count: usize, place: Range<usize>) {
        let (least, most) = (*function.arity().start(), *function.arity().end());
        let wanted = match (least, most) {
            (0, 0) => "no arguments".to_owned(),
            (1, 1) => "1 argument".to_owned(),
            (least, most) if least == most => format!("{least} arguments"),
            (least, most) => format!("{least} or {most} arguments"),
        };
        let title = format!("`{}` takes {wanted}, not {count}", function.name);
        self.problem(ExprProblem::new("E403", title, place).help(example(function)));
    }

    fn unknown_function(&mut self, name: &str, place: Range<usize>) {
        let title = format!("unknown function `{name}`");
        let problem = ExprProblem::new("E403", title, place);
        let near = nearest(name, functions::all().map(|function| function.name)).and_then(functions::find);
        let help = match (near, name) {
            (_, "if") => "if a { b } else { c }".to_owned(),
            (Some(near), _) => format!("did you mean `{}`?  {}", near.name, example(near)),
            (None, "substring" | "left" | "slice") => {
                "see truncate(text, length) and extract(text, regex)".to_owned()
            }
            (None, "length" | "size" | "count") => "see len(x)".to_owned(),
            (None, "concat") => "texts are joined with +, or `${record.A} ${record.B}`".to_owned(),
            (None, "ISBLANK" | "isnull" | "is_null" | "is_empty") => {
                "see is_blank(x), or compare: x == null".to_owned()
            }
            (None, "eval" | "Fn" | "call" | "curry" | "print" | "debug" | "type_of") => {
                "an expression computes one value from the record".to_owned()
            }
            (None, _) => {
                let names: Vec<&str> = functions::all().map(|function| function.name).collect();
                format!("functions: {}", names.join(" "))
            }
        };
        self.problem(problem.help(help));
    }

    fn literal(&mut self, function: &Function, at: usize, arg: &Expr) {
        let Expr::StringConstant(text, position) = arg else { return };
        if function.name == "linked" && at == 0 {
            let place = self.place(*position, text.len() + 2);
            self.found.linked.push((Arc::from(text.as_str()), place));
        }
        if let Err(reason) = function.check_literal(at, text) {
            let place = self.place(*position, text.len() + 2);
            let title = format!("`{}` cannot use this text", function.name);
            self.problem(ExprProblem::new("E407", title, place).label(reason).help(example(function)));
        }
    }

    fn closure(&mut self, function: &Function, arg: &Expr) {
        if !is_closure(arg) {
            let place = self.place(arg.start_position(), 1);
            let title = format!("`{}` takes a closure", function.name);
            self.problem(ExprProblem::new("E403", title, place).help(example(function)));
        }
    }

    /// `currency_of(record)`: the one use of a record as a whole.
    fn whole_record(&mut self, function: &Function, arg: Option<&Expr>, place: Range<usize>) {
        let Body::Record(field, _) = function.body() else { return };
        match arg.and_then(variable).filter(|var| var.is_record() && var.exists_in(self.kind)) {
            Some(var) => {
                self.found.variables.insert(var);
                self.found
                    .fields
                    .push((var, FieldUse { path: Arc::from(field), span: place, optional: true }));
            }
            None => match arg {
                Some(Expr::Variable(name, _, position)) if Var::of(&name.1).is_none() => {
                    self.variable(&name.1, *position);
                }
                _ => {
                    let title = format!("`{}` takes a whole record", function.name);
                    self.problem(ExprProblem::new("E406", title, place).help(example(function)));
                }
            },
        }
    }

    pub(super) fn method(&mut self, call: &FnCallExpr, position: Position, receiver: &Expr) {
        if let Some(function) =
            functions::find(&call.name).filter(|found| matches!(found.body(), Body::Record(..)))
        {
            let place = self.place(position, call.name.len());
            self.whole_record(function, Some(receiver), place);
            return;
        }
        if let (Some(function), Expr::StringConstant(..)) = (functions::find(&call.name), receiver) {
            self.literal(function, 0, receiver);
        }
        self.function(call, position, Some(receiver));
    }
}

/// `call → result`, as messages show a function.
fn example(function: &Function) -> String {
    match function.examples.first() {
        Some((call, result)) => format!("{call} → {result}"),
        None => function.signature.to_owned(),
    }
}
