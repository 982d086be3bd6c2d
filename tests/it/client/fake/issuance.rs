//! Secrets and leases of the fake broker. A lease is proven dead at the second look after its end.

use super::{Fake, State, at, denial, detailed, not_found, settled};
use leasehold::proto::v1::issuance_service_server::IssuanceService;
use leasehold::proto::v1::issue_secret_request::Parameters;
use leasehold::proto::v1::*;
use tonic::{Code, Request, Response, Status};

type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl IssuanceService for Fake {
    async fn issue_secret(&self, request: Request<IssueSecretRequest>) -> Answer<IssueSecretResponse> {
        let request = request.into_inner();
        let mut state = self.enter("issue_secret", &request.request_id)?;
        let active = state.tasks.get(&request.task_id).ok_or_else(not_found)?.state() == TaskState::Active;
        if !active {
            return Err(denial(Code::FailedPrecondition, "TASK_NOT_ACTIVE", "the task is not active"));
        }
        if let Some(id) = state.done.get(&request.request_id) {
            return Err(already_issued(id));
        }
        let (secret, revocability) = mint(&mut state, &request)?;
        if let Some(old) = state.leases.get_mut(&request.supersedes) {
            old.set_state(LeaseState::Ending);
        }
        let log_index = state.append();
        let number = state.leases.len() + 1;
        let mut lease = Lease {
            id: format!("lease-00000000-0000-7000-8000-{number:012}"),
            task_id: request.task_id.clone(),
            credential: request.credential,
            issue_time: at(1),
            expire_time: at(request.ttl.map_or(state.life_seconds.unwrap_or(600), |ttl| ttl.seconds)),
            log_index,
            ..Lease::default()
        };
        lease.set_state(LeaseState::Issued);
        lease.set_revocability(revocability);
        state.done.insert(request.request_id, lease.id.clone());
        state.leases.insert(lease.id.clone(), lease.clone());
        state.settle(&request.task_id);
        if let Some(status) = state.lost_answers.pop_front() {
            return Err(status);
        }
        let receipt = Some(receipt());
        Ok(Response::new(IssueSecretResponse { lease: Some(lease), secret: Some(secret), receipt }))
    }

    async fn renew_lease(&self, request: Request<RenewLeaseRequest>) -> Answer<RenewLeaseResponse> {
        let request = request.into_inner();
        let mut state = self.enter("renew_lease", &request.request_id)?;
        let lease = state.leases.get_mut(&request.lease_id).ok_or_else(not_found)?;
        if lease.revocability() != Revocability::Revocable {
            return Err(denial(Code::FailedPrecondition, "LEASE_NOT_RENEWABLE", "this kind is not renewed"));
        }
        lease.expire_time = at(request.ttl.map_or(1_200, |ttl| ttl.seconds));
        Ok(Response::new(RenewLeaseResponse { lease: Some(lease.clone()) }))
    }

    async fn revoke_lease(&self, request: Request<RevokeLeaseRequest>) -> Answer<RevokeLeaseResponse> {
        let request = request.into_inner();
        let mut state = self.enter("revoke_lease", &request.request_id)?;
        let lease = state.leases.get_mut(&request.lease_id).ok_or_else(not_found)?;
        lease.set_state(LeaseState::Ending);
        lease.set_assurance(RevocationAssurance::Requested);
        Ok(Response::new(RevokeLeaseResponse { lease: Some(lease.clone()) }))
    }

    async fn get_lease(&self, request: Request<GetLeaseRequest>) -> Answer<GetLeaseResponse> {
        let id = request.into_inner().lease_id;
        let mut state = self.enter("get_lease", "")?;
        let before = state.leases.get(&id).cloned().ok_or_else(not_found)?;
        let looks = state.looks.entry(id.clone()).or_default();
        *looks += u32::from(before.state() == LeaseState::Ending);
        if *looks >= 2 {
            prove(&mut state, &id);
        }
        let lease = state.leases[&id].clone();
        if state.forgets && settled(&lease) {
            return Err(not_found());
        }
        drop(state);
        self.changed();
        Ok(Response::new(GetLeaseResponse { lease: Some(lease) }))
    }

    async fn list_leases(&self, request: Request<ListLeasesRequest>) -> Answer<ListLeasesResponse> {
        let state = self.enter("list_leases", "")?;
        let filter = request.into_inner().filter;
        let wanted = |lease: &&Lease| filter.is_empty() || filter == format!("credential={}", lease.credential);
        let leases = state.leases.values().rev().filter(wanted).cloned().collect();
        Ok(Response::new(ListLeasesResponse { leases, next_page_token: String::new() }))
    }
}

pub(crate) fn receipt() -> Receipt {
    let proof = "c2sp.org/tlog-proof@v1\nindex 41\n\nleasehold.example.org/prod\n42\n".into();
    let entry =
        br#"{"credential":"ledger-ro","time":"2026-11-21T10:00:01.000001Z","type":"lease.issued","v":1}"#.to_vec();
    let opening = Opening { field: "engine_lease".into(), salt: vec![7; 32], value: "database/creds/x".into() };
    Receipt { proof, entry, openings: vec![opening], witnessed: false }
}

fn mint(
    state: &mut State,
    request: &IssueSecretRequest,
) -> Result<(issue_secret_response::Secret, Revocability), Status> {
    use issue_secret_response::Secret;
    Ok(match request.credential.as_str() {
        "api-key" => {
            let version = match &request.parameters {
                Some(Parameters::KeyValue(parameters)) => parameters.version,
                _ => 3,
            };
            (Secret::KeyValue(KeyValue { json: br#"{"key":"k-123"}"#.to_vec(), version }), Revocability::RotateOnly)
        }
        "web-tls" => {
            let Some(Parameters::Certificate(parameters)) = &request.parameters else {
                return Err(detailed(
                    Code::InvalidArgument,
                    "FIELD_INVALID",
                    "a certificate needs a request",
                    |details| {
                        details.add_bad_request_violation("certificate.csr_pem", "must be a PKCS#10 request in PEM");
                    },
                ));
            };
            state.csr = Some(parameters.csr_pem.clone());
            let certificate = Certificate {
                certificate_pem: "-----BEGIN CERTIFICATE-----\nleaf\n-----END CERTIFICATE-----\n".into(),
                chain_pem: vec!["-----BEGIN CERTIFICATE-----\nissuer\n-----END CERTIFICATE-----".into()],
                serial_number: "0a:1b".into(),
            };
            (Secret::Certificate(certificate), Revocability::Revocable)
        }
        _ => {
            let account = UsernamePassword { username: "v-lh-1".into(), password: "pa\"ss\u{202e}".into() };
            (Secret::UsernamePassword(account), Revocability::Revocable)
        }
    })
}

fn prove(state: &mut State, id: &str) {
    let lease = state.leases.get_mut(id).unwrap();
    if lease.revocability() == Revocability::RotateOnly {
        lease.set_state(LeaseState::Expired);
    } else {
        lease.set_state(LeaseState::Revoked);
        lease.set_assurance(RevocationAssurance::AuthorityConfirmed);
        lease.revoke_time = at(2);
    }
    let task_id = lease.task_id.clone();
    state.settle(&task_id);
}

fn already_issued(lease_id: &str) -> Status {
    detailed(Code::AlreadyExists, "ALREADY_ISSUED", "the secret was issued before", |details| {
        let ids = std::collections::HashMap::from([("lease".to_owned(), lease_id.to_owned())]);
        details.set_error_info("ALREADY_ISSUED", "leasehold", ids);
    })
}
