//! What a condition may contain.
//!
//! A page sends conditions to `genie-play`, so no condition may exhaust the stack, the memory or
//! the time of the process. Parser, planner and evaluation recurse over the expression. Therefore
//! its length and its depth are limited, and it may only call functions whose result is not much
//! larger than their arguments.

use std::thread;

use datafusion::{
    error::{DataFusionError, Result as DataFusionResult},
    sql::sqlparser::{
        ast::Expr,
        dialect::GenericDialect,
        parser::ParserError,
        tokenizer::{Token, TokenWithSpan, Tokenizer},
    },
};

use super::{
    allowed::{is_copied, operands},
    refusal::{refused, unknown, unknown_function},
};

/// Most characters of a condition.
const LENGTH: usize = 2000;
/// Most open parentheses. The parser tries some calls twice, so its time is exponential in them.
const PARENTHESES: usize = 8;
/// Deepest nesting of a part. Evaluation recurses as deep, on a thread with a small stack.
const DEPTH: usize = 64;
/// Deepest nesting of expressions whose operands the planner copies.
const COPIES: usize = 4;
/// Bytes of stack for the parser and the planner. They need less for every allowed length.
const STACK: usize = 128 << 20;

/// Runs the parser and the planner on a thread whose stack is large enough for them.
pub(crate) fn on_large_stack<T: Send>(
    work: impl FnOnce() -> DataFusionResult<T> + Send,
) -> DataFusionResult<T> {
    thread::scope(|scope| {
        let builder = thread::Builder::new().name("condition".to_owned()).stack_size(STACK);
        let running = builder.spawn_scoped(scope, work).map_err(DataFusionError::IoError)?;
        running.join().unwrap_or_else(|_| refused("the parser cannot read the expression"))
    })
}

/// Words of types and intervals, which the parser reads without a limit of depth.
pub(super) const DEEP: &[&str] = &["array", "interval", "map", "struct"];

/// Splits a condition into tokens. Refuses what the parser cannot read in a short time.
pub(super) fn tokens(sql: &str) -> DataFusionResult<Vec<TokenWithSpan>> {
    tokens_without(sql, &[DEEP, &["select"]].concat())
}

/// Splits SQL into tokens, and refuses these words, which are in lower case.
pub(super) fn tokens_without(sql: &str, words: &[&str]) -> DataFusionResult<Vec<TokenWithSpan>> {
    let length = sql.chars().count();
    if length > LENGTH {
        return refused(format!("it has {length} characters, but at most {LENGTH} are allowed"));
    }
    let tokens = Tokenizer::new(&GenericDialect {}, sql)
        .tokenize_with_location()
        .map_err(|error| DataFusionError::SQL(Box::new(ParserError::from(error)), None))?;
    let mut open = 0_usize;
    for TokenWithSpan { token, .. } in &tokens {
        match token {
            Token::LParen => open += 1,
            Token::RParen => open = open.saturating_sub(1),
            Token::LBracket | Token::LBrace => return unknown(&token.to_string()),
            Token::Word(word)
                if word.quote_style.is_none()
                    && words.contains(&word.value.to_lowercase().as_str()) =>
            {
                return unknown(&word.value);
            }
            _ => {}
        }
        if open > PARENTHESES {
            return refused(format!(
                "it has more than {PARENTHESES} parentheses inside each other; use fewer"
            ));
        }
    }
    Ok(tokens)
}

/// Refuses a part of a condition that is nested too deeply, or contains more than is allowed.
pub(super) fn check(part: &Expr) -> DataFusionResult<()> {
    let mut waiting = vec![(part, 1, 0)];
    while let Some((expression, depth, copies)) = waiting.pop() {
        let copies = copies + usize::from(is_copied(expression));
        if depth > DEPTH || copies > COPIES {
            return refused(format!(
                "it is nested too deeply: at most {DEPTH} operators inside each other, and at most \
                 {COPIES} of `between`, `case` and `in`, are allowed; join conditions by `and` at \
                 the outermost level, or use `in (…)`"
            ));
        }
        let Some(operands) = operands(expression) else {
            return match expression {
                Expr::Function(function) => unknown_function(function),
                other => unknown(&other.to_string()),
            };
        };
        waiting.extend(operands.into_iter().map(|operand| (operand, depth + 1, copies)));
    }
    Ok(())
}
