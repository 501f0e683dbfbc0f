//! [`Value`] from and to JSON, without binary floats in between.

use std::str::FromStr;
use std::sync::Arc;

use rust_decimal::Decimal;
use serde_json::{Map, Number, Value as Json};

use super::Value;

impl Value {
    /// From a JSON value: numbers exactly, arrays as lists, objects as they are. Text stays text, dates included;
    /// a number beyond 28 digits and `i64` stays as its text.
    pub fn from_json(json: &Json) -> Self {
        match json {
            Json::Null => Self::Null,
            Json::Bool(value) => Self::Bool(*value),
            Json::Number(number) => Self::from_number(number),
            Json::String(text) => Self::text(text),
            Json::Array(items) => Self::List(items.iter().map(Self::from_json).collect()),
            Json::Object(_) => Self::Json(Arc::new(json.clone())),
        }
    }

    fn from_number(number: &Number) -> Self {
        if let Some(whole) = number.as_i64() {
            return Self::Int(whole);
        }
        let text = number.as_str();
        match Decimal::from_str(text).or_else(|_| Decimal::from_scientific(text)) {
            Ok(decimal) => Self::Decimal(decimal),
            Err(_) => Self::text(text),
        }
    }

    /// To JSON: dates and times as ISO 8601 text, decimals as exact numbers, nothing as `null`.
    pub fn to_json(&self) -> Json {
        match self {
            Self::Absent | Self::Null => Json::Null,
            Self::Bool(value) => Json::Bool(*value),
            Self::Int(value) => Json::Number((*value).into()),
            Self::Decimal(value) => number(*value),
            Self::Text(text) => Json::String(text.to_string()),
            Self::Date(_) | Self::Time(_) | Self::DateTime(_) => Json::String(self.to_string()),
            Self::List(items) => Json::Array(items.iter().map(Self::to_json).collect()),
            Self::Json(json) => (**json).clone(),
        }
    }

    /// A JSON object from pairs, for bodies and for `json(…)`.
    pub fn object(pairs: impl IntoIterator<Item = (String, Self)>) -> Self {
        let pairs: Map<String, Json> =
            pairs.into_iter().map(|(name, value)| (name, value.to_json())).collect();
        Self::Json(Arc::new(Json::Object(pairs)))
    }
}

fn number(value: Decimal) -> Json {
    let text = value.normalize().to_string();
    Number::from_str(&text).map_or(Json::String(text), Json::Number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stay_exact() {
        for (text, printed) in [
            ("0.1", "0.1"),
            ("62.0", "62.0"),
            ("9007199254740993", "9007199254740993"),
            ("1e3", "1000"),
            ("-12345678901234567890.12345", "-12345678901234567890.12345"),
            ("1e400", "1e+400"),
        ] {
            let value = Value::from_json(&serde_json::from_str(text).unwrap());
            assert_eq!(value.to_string(), printed, "{text}");
        }
    }

    #[test]
    fn there_and_back() {
        let json: Json = serde_json::from_str(r#"[1,2.5,"x",null,true,{"b":1.50,"a":[]}]"#).unwrap();
        assert_eq!(Value::from_json(&json).to_json(), json);
    }
}
