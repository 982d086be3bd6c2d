//! Key-value, version 2: values have no lease; only `destroyed` proves anything, and only here.

use crate::real::lab::{call, must};
use serde_json::{Value, json};

#[test]
fn destroying_a_version_answers_204_even_if_there_is_none_and_the_metadata_is_the_proof() {
    let read = |version: u32| call("GET", &format!("secret/data/facts/kv?version={version}"), &Value::Null);
    let destroyed = |version: u32| {
        let seen = must("GET", "secret/metadata/facts/kv", &Value::Null);
        seen.body.pointer(&format!("/data/versions/{version}/destroyed")).cloned()
    };
    must("POST", "secret/data/facts/kv", &json!({ "data": { "key": "one" } }));
    let first = read(1);
    assert_eq!((first.status, first.text("/data/data/key"), first.text("/lease_id")), (200, "one", ""));
    assert_eq!(destroyed(1), Some(Value::Bool(false)));
    let destroy = |version: u32| call("PUT", "secret/destroy/facts/kv", &json!({ "versions": [version] })).status;
    assert_eq!((destroy(7), destroyed(7)), (204, None), "there is no version 7");
    assert_eq!((destroy(1), destroyed(1)), (204, Some(Value::Bool(true))));
    assert_eq!(read(1).status, 404);
}
