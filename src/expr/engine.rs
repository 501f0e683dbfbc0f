//! The engine: built once per process, compiles every expression.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use rhai::{AST, Dynamic, OptimizationLevel, ParseError, Token};

use crate::model::Value;

use super::general::General;
use super::hints::{explain, too_nested};
use super::operators::{MAX_ITEMS, MAX_TEXT, number};
use super::scan::nesting;
use super::script::{Compiled, Script, ScriptKind};
use super::walk::analyse;
use super::{ExprProblem, dynamic, exchange, native};

/// Deepest nesting of an expression (language, 5.5).
const MAX_NESTING: usize = 32;
/// The parser counts a long `a + b + …` as nesting, too.
const MAX_PARSER_DEPTH: usize = 96;
/// Longest expression, in bytes: far above what anybody writes, far below what could hurt.
const MAX_LENGTH: usize = 20_000;

/// Compiles expressions. Cheap to clone; safe to share between threads.
#[derive(Clone, Debug)]
pub struct Engine(Arc<rhai::Engine>);

impl Default for Engine {
    fn default() -> Self {
        Self::new()
    }
}

impl Engine {
    /// Takes about a millisecond: build one for the process.
    pub fn new() -> Self {
        let mut engine = rhai::Engine::new_raw();
        // Folding would bake placeholder values into the tree, and turn a field that is assigned to into a literal.
        engine.set_optimization_level(OptimizationLevel::None);
        engine.set_fast_operators(false);
        engine.set_allow_looping(false);
        engine.set_max_expr_depths(MAX_PARSER_DEPTH, MAX_PARSER_DEPTH);
        engine.set_max_call_levels(MAX_NESTING);
        engine.set_max_functions(MAX_NESTING);
        engine.set_max_string_size(MAX_TEXT);
        engine.set_max_array_size(MAX_ITEMS);
        engine.set_max_map_size(MAX_ITEMS);
        engine.on_progress(|_| if exchange::charge(1) { None } else { Some(Dynamic::UNIT) });
        // `null` is a reserved word of the parser. A single word never fails to register.
        let null = engine.register_custom_syntax(["null"], false, |_, _| Ok(Dynamic::UNIT));
        debug_assert!(null.is_ok());
        hooks(&mut engine);
        dynamic::register(&mut engine);
        Self(Arc::new(engine))
    }

    /// Compiles an expression. All its mistakes are returned at once, except that nothing is known about what follows
    /// a syntax error.
    pub fn compile(&self, text: &str, kind: ScriptKind) -> Result<Script, Vec<ExprProblem>> {
        let ast = self.parse(text).map_err(|problem| vec![*problem])?;
        let analysis = analyse(text, kind, &ast);
        if !analysis.problems.is_empty() {
            return Err(analysis.problems);
        }
        let native = native::compile(text, &ast, &analysis);
        let general = General { engine: Arc::clone(&self.0), ast };
        Ok(Script(Arc::new(Compiled { text: Arc::from(text), kind, analysis, native, general })))
    }

    fn parse(&self, text: &str) -> Result<AST, Box<ExprProblem>> {
        if text.len() > MAX_LENGTH {
            let problem = ExprProblem::new("E401", "the expression is too long", 0..text.len());
            return Err(Box::new(problem.help("an expression has at most 20 000 characters")));
        }
        if nesting(text) > MAX_NESTING {
            return Err(Box::new(too_nested(text)));
        }
        // The parser has `unreachable!` in places that text from outside might reach.
        let parsed: std::thread::Result<Result<AST, ParseError>> =
            catch_unwind(AssertUnwindSafe(|| self.0.compile_expression(text)));
        match parsed {
            Ok(Ok(ast)) => Ok(ast),
            Ok(Err(error)) => Err(Box::new(explain(text, &error))),
            Err(_) => {
                tracing::error!("bug: the parser of expressions panicked");
                let problem = ExprProblem::new("E401", "the expression cannot be read", 0..text.len());
                Err(Box::new(problem.note("this is a bug in sfsync: the parser failed on this text")))
            }
        }
    }
}

/// The engine calls these APIs volatile; its exact version is in the lock file, and the tests hold what they do.
#[allow(deprecated)]
fn hooks(engine: &mut rhai::Engine) {
    engine.on_var(|name, _, _| Ok(exchange::variable(name)));
    // Whole numbers are integers everywhere, so that a case `62.0` of a `switch` is the same as 62.
    engine.on_parse_token(|token, _, _| match token {
        Token::DecimalConstant(decimal) => match number(decimal.0) {
            Value::Int(whole) => Token::IntegerConstant(whole),
            _ => Token::DecimalConstant(decimal),
        },
        token => token,
    });
}
