//! The log itself and the brokers that write it.

use super::body;
use std::collections::BTreeMap;

body!(
    /// First entry of every log.
    LogStarted {
        /// `dev` or `prod`, for ever.
        mode: String,
        /// Origin line of the log's checkpoints.
        origin: String,
    }
);
body!(
    /// A broker folded the log and writes from here on.
    BrokerActivated {
        /// Longest time that the engine works on one request, in seconds: what an intent must
        /// wait for before "nothing there" is proof.
        engine_request_seconds_max: u64,
        /// Counts activations, from 1; a writer with an older epoch is deposed.
        epoch: u64,
        /// Version of the program.
        version: String,
    }
);
body!(
    /// An orderly stop.
    BrokerStopped {
        /// The epoch that ends.
        epoch: u64,
    }
);
body!(
    /// How many entries of each type stand before this one: what is shown of a type can be counted
    /// against it, so that nothing can be left out.
    Counted {
        /// Type name to number; types without an entry are left out.
        counts: BTreeMap<String, u64>,
    }
);
