//! Every operation of the API, read from its own document, so that no test can forget one.

use reqwest::{Method, RequestBuilder};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::world::{Client, PASSWORD, Result, World};

/// One operation.
#[derive(Debug, Clone)]
pub(crate) struct Operation {
    pub(crate) name: String,
    pub(crate) method: Method,
    /// With names in braces.
    template: String,
    /// The names of what stands after the `?`.
    pub(crate) parameters: Vec<String>,
    /// What the JSON object of its body is like.
    pub(crate) fields: Vec<Field>,
    /// Whether it takes JSON.
    pub(crate) takes_json: bool,
    pub(crate) says_what_it_does: bool,
}

/// A field of a body, with a value that would be right.
#[derive(Debug, Clone)]
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) right: Value,
    /// Whether any text has the right type.
    pub(crate) is_text: bool,
    pub(crate) is_id: bool,
}

/// All of them.
pub(crate) async fn operations(world: &World) -> Result<Vec<Operation>> {
    let document = world.nobody().get("/api/openapi.json").await?.json;
    let mut operations = Vec::new();
    for (template, item) in document["paths"].as_object().ok_or("no paths")? {
        for (method, operation) in item.as_object().ok_or("no operations")? {
            operations.push(Operation::read(&document, template, method, operation)?);
        }
    }
    assert!(operations.len() > 30, "{operations:?}");
    Ok(operations)
}

impl Operation {
    fn read(document: &Value, template: &str, method: &str, operation: &Value) -> Result<Self> {
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        let parameters = parameters.filter(|it| it["in"] == "query");
        let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
        let properties = resolved(document, schema)["properties"].as_object();
        Ok(Self {
            name: operation["operationId"].as_str().ok_or("no name")?.to_owned(),
            method: method.to_uppercase().parse()?,
            template: template.to_owned(),
            parameters: parameters.filter_map(|it| Some(it["name"].as_str()?.to_owned())).collect(),
            takes_json: properties.is_some(),
            says_what_it_does: operation["summary"].is_string(),
            fields: properties
                .into_iter()
                .flatten()
                .map(|(name, schema)| Field::read(document, name, schema))
                .collect(),
        })
    }

    /// Whether it is about one thing, which its address names.
    pub(crate) fn is_about_one(&self) -> bool {
        self.template.contains("{id}")
    }

    /// The list of things like the one that it is about.
    pub(crate) fn list(&self) -> Option<&str> {
        self.template.split_once("/{id}").map(|(list, _)| list)
    }

    /// Its address for the thing with this identifier; hooks are those of `acme`.
    pub(crate) fn path(&self, id: &str) -> String {
        self.template.replace("{id}", id).replace("{hook}", &format!("acme.{id}"))
    }

    /// Its address, leading nowhere if it is about one thing.
    pub(crate) fn any_path(&self) -> String {
        self.path(&Uuid::now_v7().to_string())
    }

    /// Whether a request to `path` is one of it.
    pub(crate) fn is_at(&self, method: &Method, path: &str) -> bool {
        let (wanted, found) = (self.template.split('/'), path.split('/'));
        *method == self.method
            && wanted.clone().count() == found.clone().count()
            && wanted.zip(found).all(|(wanted, found)| wanted.starts_with('{') || wanted == found)
    }

    /// A body in which every field has the right type.
    pub(crate) fn body(&self) -> Value {
        let fields = self.fields.iter().map(|it| (it.name.clone(), it.right.clone()));
        Value::Object(fields.collect::<Map<_, _>>())
    }

    /// A request to `path`, with `body` where it takes one.
    pub(crate) fn request(&self, client: &Client<'_>, path: &str, body: &Value) -> RequestBuilder {
        let request = client.request(self.method.clone(), path);
        if self.takes_json { request.json(body) } else { request }
    }
}

impl Field {
    fn read(document: &Value, name: &str, schema: &Value) -> Self {
        let schema = match schema["oneOf"].get(0) {
            Some(schema) => resolved(document, schema),
            None => resolved(document, schema),
        };
        let is = |kind: &str| {
            let found = &schema["type"];
            *found == kind || found.get(0).is_some_and(|it| it == kind)
        };
        let (format, values) = (schema["format"].as_str(), schema["enum"].get(0));
        let right = match (format, values, name) {
            (_, Some(value), _) => value.clone(),
            (Some("uuid"), _, _) => json!(Uuid::now_v7()),
            (Some("date-time"), _, _) => json!("2026-03-02T09:00:00Z"),
            (_, _, "email") => json!("eve@evil.example"),
            (_, _, "tenant") => json!("evil"),
            (_, _, "password") => json!(PASSWORD),
            _ if is("integer") => json!(1),
            _ => json!("Eve"),
        };
        let is_text = is("string") && format.is_none() && values.is_none();
        Self { name: name.to_owned(), right, is_text, is_id: format == Some("uuid") }
    }
}

fn resolved<'d>(document: &'d Value, schema: &'d Value) -> &'d Value {
    let reference = schema["$ref"].as_str().and_then(|it| it.strip_prefix('#'));
    reference.and_then(|it| document.pointer(it)).unwrap_or(schema)
}
