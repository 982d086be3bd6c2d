//! Leases: what an answer to a revocation proves, and what confines it.

use crate::real::lab::{
    CREATE, DROP_ONLY, Lab, call, call_as, is_gone, look_up, must, revoke, sql, token_with, wait_until,
};
use crate::real::world::{broker_policy, world};
use serde_json::{Value, json};
use xtask::peers::proxy::{Behaviour, Proxy};

#[test]
fn sync_revoke_answers_204_for_a_live_lease_a_gone_one_and_one_that_never_existed() {
    let lab = Lab::new("sync-204");
    lab.role("r", CREATE, DROP_ONLY);
    let creds = lab.mint("r");
    assert!(creds.exists() && !is_gone(&creds.lease));
    assert_eq!(revoke(&creds.lease).status, 204);
    assert!(!creds.exists() && is_gone(&creds.lease));
    assert_eq!(revoke(&creds.lease).status, 204);
    assert_eq!(revoke(&format!("{}/neverExisted", lab.path("r"))).status, 204);
}

#[test]
fn without_the_flag_a_revoke_is_synchronous_too_and_only_false_queues_it() {
    let lab = Lab::new("sync-flag");
    lab.role("r", CREATE, DROP_ONLY);
    let creds = lab.mint("r");
    assert_eq!(call("PUT", "sys/leases/revoke", &json!({ "lease_id": creds.lease })).status, 204);
    assert!(!creds.exists());
    let creds = lab.mint("r");
    let queued = call("PUT", "sys/leases/revoke", &json!({ "lease_id": creds.lease, "sync": false }));
    assert_eq!(queued.status, 202);
    wait_until("the queue to be worked off", || !creds.exists() && is_gone(&creds.lease));
}

#[test]
fn with_the_database_down_a_sync_revoke_answers_400_and_succeeds_when_it_is_back() {
    let proxy = Proxy::start(&format!("127.0.0.1:{}", world().postgres.port)).unwrap();
    let lab = Lab::through("db-down", &proxy.address.to_string());
    lab.role("r", CREATE, DROP_ONLY);
    let creds = lab.mint("r");
    proxy.behave(Behaviour::Refuse);
    let answer = revoke(&creds.lease);
    assert_eq!(answer.status, 400);
    assert!(answer.complains("failed to revoke entry"), "{:?}", answer.body);
    let seen = look_up(&creds.lease);
    assert_eq!(seen.status, 200);
    assert_eq!(seen.text("/data/revoke_error"), "");
    proxy.behave(Behaviour::Pass);
    wait_until("the engine to reconnect", || revoke(&creds.lease).status == 204);
    assert!(!creds.exists() && is_gone(&creds.lease));
}

#[test]
fn with_wrong_sql_a_sync_revoke_answers_400_and_the_account_works_until_it_is_repaired() {
    let lab = Lab::new("wrong-sql");
    lab.role("r", CREATE, &["DROP ROLE this is wrong"]);
    let creds = lab.mint("r");
    let answer = revoke(&creds.lease);
    assert_eq!(answer.status, 400);
    assert!(answer.complains("failed to revoke entry"));
    assert_eq!(look_up(&creds.lease).status, 200);
    assert_eq!(creds.log_in().unwrap(), "3");
    lab.role("r", CREATE, DROP_ONLY);
    assert_eq!(revoke(&creds.lease).status, 204);
    assert!(creds.log_in().is_err());
}

#[test]
fn sql_that_does_nothing_answers_204_and_the_login_still_works() {
    let lab = Lab::new("no-op");
    lab.role("r", CREATE, &["SELECT 1"]);
    let creds = lab.mint("r");
    assert_eq!(revoke(&creds.lease).status, 204);
    assert!(is_gone(&creds.lease));
    assert_eq!(creds.log_in().unwrap(), "3");
    sql(&format!(r#"DROP ROLE "{}""#, creds.user));
}

#[test]
fn a_lease_id_in_the_body_beats_the_one_in_the_url() {
    let lab = Lab::new("smuggle");
    lab.role("mine", CREATE, DROP_ONLY);
    lab.role("foreign", CREATE, DROP_ONLY);
    let text = format!(r#"path "sys/leases/revoke/{}/*" {{ capabilities=["update"] }}"#, lab.path("mine"));
    let token = token_with("smuggle", &text);
    let (mine, foreign) = (lab.mint("mine"), lab.mint("foreign"));
    let direct = call_as(&token, "PUT", &format!("sys/leases/revoke/{}", foreign.lease), &json!({ "sync": true }));
    assert_eq!(direct.status, 403, "the path alone is confined");

    let url = format!("sys/leases/revoke/{}", mine.lease);
    let smuggled = call_as(&token, "PUT", &url, &json!({ "lease_id": foreign.lease, "sync": true }));
    assert_eq!(smuggled.status, 204);
    assert!(is_gone(&foreign.lease) && !is_gone(&mine.lease));
}

#[test]
fn pinned_parameters_stop_the_smuggle_and_leave_the_path_form_working() {
    let lab = Lab::new("pinned");
    lab.role("mine", CREATE, DROP_ONLY);
    lab.role("foreign", CREATE, DROP_ONLY);
    let token = token_with("pinned", &broker_policy(&[&lab.path("mine")]));
    let (mine, foreign) = (lab.mint("mine"), lab.mint("foreign"));
    for verb in ["revoke", "renew"] {
        let url = format!("sys/leases/{verb}/{}", mine.lease);
        for extra in [json!({ "sync": true }), json!({ "increment": 60 })] {
            let mut body = extra;
            body["lease_id"] = foreign.lease.clone().into();
            assert_eq!(call_as(&token, "PUT", &url, &body).status, 403, "{verb}");
        }
    }
    assert!(!is_gone(&foreign.lease) && !is_gone(&mine.lease));
    let renewed = call_as(&token, "PUT", &format!("sys/leases/renew/{}", mine.lease), &json!({ "increment": 60 }));
    assert_eq!(renewed.status, 200);
    let url = format!("sys/leases/revoke/{}", mine.lease);
    assert_eq!(call_as(&token, "PUT", &url, &json!({ "sync": false })).status, 403);
    assert_eq!(call_as(&token, "PUT", &url, &Value::Null).status, 403, "sync must be said");
    assert_eq!(call_as(&token, "PUT", &url, &json!({ "sync": true })).status, 204);
    assert!(is_gone(&mine.lease));
}

#[test]
fn lookup_and_list_can_be_narrowed_to_a_path() {
    let lab = Lab::new("narrow");
    lab.role("mine", CREATE, DROP_ONLY);
    lab.role("foreign", CREATE, DROP_ONLY);
    let token = token_with("narrow", &broker_policy(&[&lab.path("mine")]));
    let (mine, foreign) = (lab.mint("mine"), lab.mint("foreign"));
    let seen = |lease: &str| call_as(&token, "PUT", "sys/leases/lookup", &json!({ "lease_id": lease })).status;
    assert_eq!((seen(&mine.lease), seen(&foreign.lease)), (200, 403));
    let listed = |role: &str| call_as(&token, "LIST", &format!("sys/leases/lookup/{}", lab.path(role)), &Value::Null);
    let keys = listed("mine");
    assert_eq!(keys.status, 200);
    assert_eq!(format!("{}/{}", lab.path("mine"), keys.text("/data/keys/0")), mine.lease);
    assert_eq!(listed("foreign").status, 403);
}

#[test]
fn listing_a_path_without_leases_answers_404() {
    let lab = Lab::new("empty-list");
    lab.role("r", CREATE, DROP_ONLY);
    let listed = || call("LIST", &format!("sys/leases/lookup/{}", lab.path("r")), &Value::Null);
    let creds = lab.mint("r");
    assert_eq!(listed().status, 200);
    revoke(&creds.lease);
    assert_eq!(listed().status, 404);
}

#[test]
fn revoking_a_token_only_queues_its_leases_and_a_broken_one_shows_no_error() {
    let lab = Lab::new("token-queue");
    lab.role("r", CREATE, &["DROP ROLE this is wrong"]);
    let token = token_with("token-queue", &format!(r#"path "{}" {{ capabilities=["read"] }}"#, lab.path("r")));
    let creds = lab.mint_as(&token, "r");
    assert_eq!(call("POST", "auth/token/revoke", &json!({ "token": token })).status, 204);
    assert_eq!(call_as(&token, "GET", "auth/token/lookup-self", &Value::Null).status, 403);
    wait_until("the lease to be marked", || look_up(&creds.lease).number("/data/ttl").is_some_and(|ttl| ttl <= 0));
    assert_eq!(look_up(&creds.lease).text("/data/revoke_error"), "");
    assert_eq!(creds.log_in().unwrap(), "3", "204 for the token, and the login works");
    lab.role("r", CREATE, DROP_ONLY);
    assert_eq!(revoke(&creds.lease).status, 204);
    assert!(!creds.exists() && is_gone(&creds.lease));
}

#[test]
fn a_renewal_shortens_the_lease_and_the_accounts_own_end() {
    let lab = Lab::new("renew");
    lab.role("r", CREATE, DROP_ONLY);
    let creds = lab.mint("r");
    let valid = || {
        let question = "SELECT (extract(epoch FROM rolvaliduntil) - extract(epoch FROM now()))::int FROM pg_roles";
        sql(&format!("{question} WHERE rolname = '{}'", creds.user)).parse::<i64>().unwrap()
    };
    let renew = |increment: u64| {
        let answer = must("PUT", &format!("sys/leases/renew/{}", creds.lease), &json!({ "increment": increment }));
        answer.number("/lease_duration").unwrap()
    };
    assert!(valid() > 500, "the role's default is ten minutes");
    assert_eq!(renew(60), 60);
    assert!((50..=70).contains(&valid()), "{}", valid());
    assert!(look_up(&creds.lease).number("/data/ttl").unwrap() <= 60);
    assert_eq!(renew(120), 120, "and lengthens it again");
    assert_eq!(renew(0), 600, "zero means the role's default, not the end");
    assert!(renew(7_200) <= 1_800, "never past the role's maximum, counted from the issue");
}

#[test]
fn a_life_asked_for_on_reading_is_ignored() {
    let lab = Lab::new("ttl-ignored");
    lab.role("r", CREATE, DROP_ONLY);
    assert_eq!(call("GET", &format!("{}?ttl=30s", lab.path("r")), &Value::Null).number("/lease_duration"), Some(600));
    let token = token_with("ttl-ignored", &format!(r#"path "{}" {{ capabilities=["read"] }}"#, lab.path("r")));
    must("POST", "auth/token/create", &json!({ "ttl": "30s" }));
    assert_eq!(call_as(&token, "GET", &lab.path("r"), &Value::Null).number("/lease_duration"), Some(600));
}
