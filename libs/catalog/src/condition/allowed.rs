//! The expressions and functions that a condition may contain.
//!
//! The result of an allowed function is not much larger than its arguments, and takes no longer
//! than reading them.

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, DataType, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments,
    UnaryOperator, Value,
};

/// Most characters of a `similar to` pattern, which becomes a regular expression.
const PATTERN: usize = 100;

/// The functions that a condition may call. (Only the optimizer of queries can expand `coalesce`.)
pub(super) const FUNCTIONS: [&str; 26] = [
    "array_length",
    "btrim",
    "cardinality",
    "char_length",
    "character_length",
    "concat",
    "contains",
    "date_part",
    "ends_with",
    "greatest",
    "instr",
    "least",
    "left",
    "length",
    "lower",
    "ltrim",
    "nullif",
    "position",
    "right",
    "rtrim",
    "starts_with",
    "strpos",
    "substr",
    "substring",
    "trim",
    "upper",
];

/// Whether the planner may use an operand of the expression more than once.
pub(super) fn is_copied(expression: &Expr) -> bool {
    matches!(expression, Expr::Between { .. } | Expr::Case { .. } | Expr::InList { .. })
}

/// The operands of an expression; none if a condition may not contain such an expression.
pub(super) fn operands(expression: &Expr) -> Option<Vec<&Expr>> {
    Some(match expression {
        Expr::Identifier(_) | Expr::CompoundIdentifier(_) => Vec::new(),
        Expr::Value(value) if !matches!(value.value, Value::Placeholder(_)) => Vec::new(),
        Expr::IsFalse(value)
        | Expr::IsNotFalse(value)
        | Expr::IsTrue(value)
        | Expr::IsNotTrue(value)
        | Expr::IsNull(value)
        | Expr::IsNotNull(value)
        | Expr::IsUnknown(value)
        | Expr::IsNotUnknown(value)
        | Expr::Nested(value)
        | Expr::Extract { expr: value, .. } => vec![value],
        Expr::UnaryOp {
            op: UnaryOperator::Plus | UnaryOperator::Minus | UnaryOperator::Not,
            expr,
        } => vec![expr],
        Expr::IsDistinctFrom(left, right) | Expr::IsNotDistinctFrom(left, right) => {
            vec![left, right]
        }
        Expr::BinaryOp { left, op, right } if is_allowed(op) => vec![left, right],
        Expr::Between { expr, low, high, .. } => vec![expr, low, high],
        Expr::InList { expr, list, .. } => list.iter().chain([&**expr]).collect(),
        Expr::Like { any: false, expr, pattern, .. }
        | Expr::ILike { any: false, expr, pattern, .. } => vec![expr, pattern],
        Expr::SimilarTo { expr, pattern, .. } if is_short(pattern) => vec![expr],
        Expr::Cast { expr, data_type, array: false, format: None, .. } if is_simple(data_type) => {
            vec![expr]
        }
        Expr::Position { expr, r#in } => vec![expr, r#in],
        Expr::Substring { expr, substring_from, substring_for, .. } => {
            let bounds = [substring_from, substring_for].into_iter().flatten();
            bounds.chain([expr]).map(|operand| &**operand).collect()
        }
        Expr::Trim { trim_what, expr, trim_characters, .. } => {
            let characters = trim_characters.iter().flatten();
            characters.chain(trim_what.as_deref()).chain([&**expr]).collect()
        }
        Expr::Case { operand, conditions, else_result, .. } => {
            let ends = [operand, else_result].into_iter().flatten().map(|end| &**end);
            ends.chain(conditions.iter().flat_map(|when| [&when.condition, &when.result])).collect()
        }
        Expr::Function(function) => arguments(function)?,
        _ => return None,
    })
}

/// The arguments of a plain call of an allowed function.
fn arguments(function: &Function) -> Option<Vec<&Expr>> {
    let Function { name, parameters: FunctionArguments::None, args, over: None, .. } = function
    else {
        return None;
    };
    let (FunctionArguments::List(list), None) = (args, &function.filter) else { return None };
    if !FUNCTIONS.contains(&name.to_string().to_lowercase().as_str())
        || list.duplicate_treatment.is_some()
        || !list.clauses.is_empty()
        || !function.within_group.is_empty()
    {
        return None;
    }
    list.args.iter().map(argument).collect()
}

fn argument(argument: &FunctionArg) -> Option<&Expr> {
    match argument {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(value)) => Some(value),
        _ => None,
    }
}

fn is_allowed(operator: &BinaryOperator) -> bool {
    use BinaryOperator as Op;
    let logic = matches!(operator, Op::And | Op::Or);
    let comparison = matches!(operator, Op::Eq | Op::NotEq | Op::Lt | Op::LtEq | Op::Gt | Op::GtEq);
    let arithmetic =
        matches!(operator, Op::Plus | Op::Minus | Op::Multiply | Op::Divide | Op::Modulo);
    logic || comparison || arithmetic || matches!(operator, Op::StringConcat)
}

/// Whether a `similar to` pattern is a text that becomes a small regular expression.
fn is_short(pattern: &Expr) -> bool {
    let Expr::Value(value) = pattern else { return false };
    let Value::SingleQuotedString(text) = &value.value else { return false };
    text.chars().count() <= PATTERN && !text.contains(['{', '\\'])
}

/// Whether values of a type are numbers, texts, times or booleans.
fn is_simple(data_type: &DataType) -> bool {
    let name = data_type.to_string().to_lowercase();
    let word = name.split(|end: char| !end.is_ascii_alphanumeric()).next().unwrap_or_default();
    let simple = [
        "bigint",
        "bool",
        "boolean",
        "char",
        "date",
        "decimal",
        "double",
        "float",
        "float4",
        "float8",
        "int",
        "int2",
        "int4",
        "int8",
        "integer",
        "numeric",
        "real",
        "smallint",
        "string",
        "text",
        "timestamp",
        "tinyint",
        "varchar",
    ];
    simple.contains(&word) && !name.contains(['[', '<'])
}
