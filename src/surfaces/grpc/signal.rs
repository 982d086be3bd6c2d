//! `leasehold.v1.SignalService`: the log as an ordered, resumable stream. Readers pull pages by
//! index; nothing is pushed into queues.

use super::convert::evidence::{self as convert, TypeFilter};
use super::convert::fields::invalid;
use super::desk::{Answer, Desk, Outcome};
use super::streams::{self, Outflow, Outlet};
use domain::base::{Span, Time};
use domain::reason::{Denial, Reason};
use proto::v1;
use proto::v1::signal_service_server::SignalService;
use services::publish::{self, PAGE};
use std::time::Duration;
use tokio::sync::watch;
use tonic::{Request, async_trait};

/// The service.
pub(super) struct Signals(pub(super) Desk);

const SUBSCRIBE: &str = "leasehold.v1.SignalService/Subscribe";
/// Longest silence.
const HEARTBEAT: Span = Span::from_seconds(15);
const LOOK_INTERVAL: Duration = Duration::from_secs(5);

#[async_trait]
impl SignalService for Signals {
    type SubscribeStream = Outflow<v1::SubscribeResponse>;

    async fn subscribe(&self, request: Request<v1::SubscribeRequest>) -> Answer<Self::SubscribeStream> {
        self.0.answer(self.open(&request))
    }
}

impl Signals {
    fn open(&self, request: &Request<v1::SubscribeRequest>) -> Outcome<Outflow<v1::SubscribeResponse>> {
        self.0.reader(request, SUBSCRIBE)?;
        let caller = self.0.caller(request)?;
        let asked = request.get_ref();
        let filter = TypeFilter::parse(&asked.types)?;
        let size = self.0.world.journal.size();
        let entries = *size.borrow();
        if asked.from_index > entries {
            return Err(invalid("from_index", format!("the log has {entries} entries")).into());
        }
        let reading = Reading { desk: self.0.clone(), filter, next: asked.from_index, spoke: self.now() };
        streams::open(&self.0, SUBSCRIBE, caller, |outlet| reading.run(size, outlet))
    }

    fn now(&self) -> Time {
        self.0.world.clock.read().time
    }
}

/// One subscriber's place in the log.
struct Reading {
    desk: Desk,
    filter: TypeFilter,
    next: u64,
    spoke: Time,
}

impl Reading {
    async fn run(
        mut self,
        mut size: watch::Receiver<u64>,
        outlet: Outlet<v1::SubscribeResponse>,
    ) -> Result<(), Denial> {
        loop {
            size.mark_unchanged();
            while self.pass_on_page(&outlet).await? {}
            self.keep_alive(&outlet).await?;
            match tokio::time::timeout(LOOK_INTERVAL, size.changed()).await {
                Ok(Ok(())) | Err(_) => {}
                Ok(Err(_)) => return Err(Denial::new(Reason::Stopping, "the broker is stopping")),
            }
        }
    }

    /// Sends what is wanted of one page; false at the present end.
    async fn pass_on_page(&mut self, outlet: &Outlet<v1::SubscribeResponse>) -> Result<bool, Denial> {
        let page = publish::page(&self.desk.world, self.next, PAGE).await?;
        let more = !page.is_empty();
        for stored in page {
            let entry = publish::entry(&stored)?;
            self.next = stored.index + 1;
            if self.filter.wants(entry.body.type_name()) {
                outlet.send(convert::signal(stored, &entry)).await?;
                self.spoke = self.desk.world.clock.read().time;
            }
        }
        if more {
            self.keep_alive(outlet).await?;
        }
        Ok(more)
    }

    async fn keep_alive(&mut self, outlet: &Outlet<v1::SubscribeResponse>) -> Result<(), Denial> {
        let now = self.desk.world.clock.read().time;
        if now.since(self.spoke) >= HEARTBEAT {
            outlet.send(convert::heartbeat(self.next.saturating_sub(1), now)).await?;
            self.spoke = now;
        }
        Ok(())
    }
}
