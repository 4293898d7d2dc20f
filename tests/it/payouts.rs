//! Durable payouts: the machine, the ledgers, and what drives them.
