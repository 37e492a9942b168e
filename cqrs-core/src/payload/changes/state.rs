//! A state to compare, as JSON.

use std::any::type_name;

use serde::ser::{
    Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant, Serializer,
};
use serde_json::value::Serializer as Plain;
use serde_json::{Error, Result, Value};

/// The value as JSON. Numbers are as their types write them, as in [`exact_text`](super::super::exact_text), and the
/// items of a `HashSet`, which has no order, are sorted, so that equal sets are equal.
pub(super) fn state<T: Serialize + ?Sized>(value: &T) -> Result<Value> {
    let mut json = value.serialize(State)?;
    if let Value::Array(items) = &mut json
        && is_set(type_name::<T>())
    {
        items.sort_by_cached_key(Value::to_string);
    }
    Ok(json)
}

/// Whether a type of this name is a set without an order. `Serialize` does not tell a set from a list.
fn is_set(name: &str) -> bool {
    let paths = name.split('<').map(|path| path.trim_start_matches(['&', ' ']));
    let mut names = paths.filter_map(|path| path.rsplit("::").next());
    names.find(|name| !["Arc", "Box", "Rc"].contains(name)) == Some("HashSet")
}

/// Serialises as `serde_json` does, except for sets and numbers.
struct State;

/// A list or an object, of which each value is a [`state`].
struct Parts<S>(S);

macro_rules! as_plain {
    ($($method:ident($value:ty))*) => {$(
        fn $method(self, value: $value) -> Result<Value> {
            Plain.$method(value)
        }
    )*};
}

impl Serializer for State {
    type Ok = Value;
    type Error = Error;
    type SerializeSeq = Parts<<Plain as Serializer>::SerializeSeq>;
    type SerializeTuple = Parts<<Plain as Serializer>::SerializeTuple>;
    type SerializeTupleStruct = Parts<<Plain as Serializer>::SerializeTupleStruct>;
    type SerializeTupleVariant = Parts<<Plain as Serializer>::SerializeTupleVariant>;
    type SerializeMap = Parts<<Plain as Serializer>::SerializeMap>;
    type SerializeStruct = Parts<<Plain as Serializer>::SerializeStruct>;
    type SerializeStructVariant = Parts<<Plain as Serializer>::SerializeStructVariant>;

    as_plain! {
        serialize_bool(bool) serialize_i8(i8) serialize_i16(i16) serialize_i32(i32) serialize_i64(i64)
        serialize_u8(u8) serialize_u16(u16) serialize_u32(u32) serialize_u64(u64) serialize_f64(f64)
        serialize_char(char) serialize_str(&str) serialize_bytes(&[u8]) serialize_unit_struct(&'static str)
    }

    fn serialize_f32(self, value: f32) -> Result<Value> {
        serde_json::from_str(&serde_json::to_string(&value)?)
    }

    fn serialize_i128(self, value: i128) -> Result<Value> {
        Plain.serialize_i128(value).or_else(|_| Ok(value.to_string().into()))
    }

    fn serialize_u128(self, value: u128) -> Result<Value> {
        Plain.serialize_u128(value).or_else(|_| Ok(value.to_string().into()))
    }

    fn serialize_none(self) -> Result<Value> {
        Ok(Value::Null)
    }

    fn serialize_unit(self) -> Result<Value> {
        Ok(Value::Null)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<Value> {
        state(value)
    }

    fn serialize_unit_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
    ) -> Result<Value> {
        Plain.serialize_unit_variant(name, index, variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<Value> {
        state(value)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<Value> {
        Plain.serialize_newtype_variant(name, index, variant, &state(value)?)
    }

    fn serialize_seq(self, len: Option<usize>) -> Result<Self::SerializeSeq> {
        Plain.serialize_seq(len).map(Parts)
    }

    fn serialize_tuple(self, len: usize) -> Result<Self::SerializeTuple> {
        Plain.serialize_tuple(len).map(Parts)
    }

    fn serialize_tuple_struct(
        self,
        name: &'static str,
        len: usize,
    ) -> Result<Self::SerializeTupleStruct> {
        Plain.serialize_tuple_struct(name, len).map(Parts)
    }

    fn serialize_tuple_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Self::SerializeTupleVariant> {
        Plain.serialize_tuple_variant(name, index, variant, len).map(Parts)
    }

    fn serialize_map(self, len: Option<usize>) -> Result<Self::SerializeMap> {
        Plain.serialize_map(len).map(Parts)
    }

    fn serialize_struct(self, name: &'static str, len: usize) -> Result<Self::SerializeStruct> {
        Plain.serialize_struct(name, len).map(Parts)
    }

    fn serialize_struct_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Self::SerializeStructVariant> {
        Plain.serialize_struct_variant(name, index, variant, len).map(Parts)
    }
}

macro_rules! items {
    ($($kind:ident::$method:ident)*) => {$(
        impl<S: $kind<Ok = Value, Error = Error>> $kind for Parts<S> {
            type Ok = Value;
            type Error = Error;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<()> {
                self.0.$method(&state(value)?)
            }

            fn end(self) -> Result<Value> {
                self.0.end()
            }
        }
    )*};
}

items! {
    SerializeSeq::serialize_element
    SerializeTuple::serialize_element
    SerializeTupleStruct::serialize_field
    SerializeTupleVariant::serialize_field
}

macro_rules! fields {
    ($($kind:ident)*) => {$(
        impl<S: $kind<Ok = Value, Error = Error>> $kind for Parts<S> {
            type Ok = Value;
            type Error = Error;

            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                key: &'static str,
                value: &T,
            ) -> Result<()> {
                self.0.serialize_field(key, &state(value)?)
            }

            fn end(self) -> Result<Value> {
                self.0.end()
            }
        }
    )*};
}

fields! { SerializeStruct SerializeStructVariant }

impl<S: SerializeMap<Ok = Value, Error = Error>> SerializeMap for Parts<S> {
    type Ok = Value;
    type Error = Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<()> {
        self.0.serialize_key(key)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<()> {
        self.0.serialize_value(&state(value)?)
    }

    fn end(self) -> Result<Value> {
        self.0.end()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, HashSet};
    use std::sync::Arc;

    use serde::Serialize;
    use serde_json::json;
    use serde_json::value::RawValue;

    use super::state;

    #[derive(Serialize)]
    struct Role {
        rights: HashSet<u32>,
        shared: Option<Arc<HashSet<String>>>,
        nested: Vec<HashSet<u32>>,
        order: Vec<u32>,
        kind: Kind,
        price: f32,
        large: BTreeMap<u128, u128>,
        raw: Box<RawValue>,
    }

    #[derive(Serialize)]
    enum Kind {
        Unit,
        Named { rights: HashSet<u32> },
        Tuple(HashSet<u32>, u8),
    }

    fn role(kind: Kind) -> Role {
        Role {
            rights: (0..50).collect(),
            shared: Some(Arc::new((0..50).map(|n| n.to_string()).collect())),
            nested: vec![(0..50).collect()],
            order: vec![3, 1, 2],
            kind,
            price: 5.55,
            large: [(u128::MAX, u128::MAX)].into(),
            raw: RawValue::from_string(r#"{"a": 1}"#.to_owned()).unwrap(),
        }
    }

    #[test]
    fn equal_sets_are_equal_and_lists_keep_their_order() {
        let named = || Kind::Named { rights: (0..50).collect() };
        let one = state(&role(named())).unwrap();
        assert_eq!(one, state(&role(named())).unwrap());
        assert_eq!(one["order"], json!([3, 1, 2]));
        let tuple = || Kind::Tuple((0..50).collect(), 1);
        assert_eq!(state(&role(tuple())).unwrap(), state(&role(tuple())).unwrap());
        assert_ne!(one["kind"], state(&role(Kind::Unit)).unwrap()["kind"]);
    }

    #[test]
    fn the_rest_is_as_serde_json_writes_it() {
        let value = state(&role(Kind::Unit)).unwrap();
        let large = u128::MAX.to_string();
        assert_eq!(value["price"], json!(5.55));
        assert_eq!(value["large"], json!({ large.clone(): large }));
        assert_eq!((&value["kind"], &value["raw"]), (&json!("Unit"), &json!({"a": 1})));
        let nested = (0..300).fold(json!(1), |inner, _| json!([inner]));
        assert_eq!(state(&nested).unwrap(), nested);
        assert!(state(&BTreeMap::from([(vec![1], 1)])).is_err());
    }
}
