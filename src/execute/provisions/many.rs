//! Several people who are added to a team in one call: an intent for each, the call, a result for
//! each.

use super::super::attempt::Circuit;
use super::call::{self, Many};
use super::work::Work;
use super::{Gave, Give};
use crate::clock;
use crate::domain::{Answered, Flags, Standing};
use crate::store::{Intent, Provision, Provisions, StoreError};

impl Give<'_> {
    /// Adds people together. A person who needs another call after all gets it; if the whole call
    /// is refused for its content, each is left to be tried alone.
    pub(super) async fn many(
        &self,
        rows: Vec<Provision>,
        gave: &mut Gave,
        circuit: &Circuit,
    ) -> Result<(), StoreError> {
        let mut together: Vec<Provision> = Vec::with_capacity(rows.len());
        let mut apart: Vec<(Provision, Intent)> = Vec::new();
        let mut flags: Option<Flags> = None;
        for (row, intent) in self.intend_all(rows).await? {
            match intent {
                Intent::Nothing(standing) => {
                    circuit.breaker().note_no_call();
                    gave.put(row, standing);
                }
                Intent::Add(wanted) if flags.is_none_or(|flags| flags == wanted) => {
                    flags = Some(wanted);
                    together.push(row);
                }
                intent => apart.push((row, intent)),
            }
        }
        let flags = flags.unwrap_or_default();
        match <[Provision; 1]>::try_from(together) {
            Ok([row]) => apart.push((row, Intent::Add(flags))),
            Err(together) if together.is_empty() => {}
            Err(together) => self.send_together(together, flags, gave, circuit).await?,
        }
        for (row, intent) in apart {
            let standing = self.call(&row, &intent, circuit).await?.standing();
            gave.put(row, standing);
        }
        Ok(())
    }

    async fn send_together(
        &self,
        rows: Vec<Provision>,
        flags: Flags,
        gave: &mut Gave,
        circuit: &Circuit,
    ) -> Result<(), StoreError> {
        let mut alone = false;
        let call = async { Ok(call::send_many(self, &rows, flags).await) };
        let record = |answer| {
            let answers = match answer {
                Many::Each(answers) => answers,
                Many::RefusedWhole(answered) => {
                    alone = true;
                    vec![answered; rows.len()]
                }
            };
            let is_general = answers.iter().any(|answered| answered.is_general);
            let not_before = answers
                .iter()
                .filter_map(|answered| answered.not_before)
                .max();
            circuit.note(rows.iter().map(|row| row.row), is_general, not_before);
            self.settle_all(rows.clone(), answers)
        };
        let settled = self.caller().send(call, record).await?;
        for (row, standing) in settled {
            if alone {
                gave.left.push(Work::alone(Provision {
                    tried: true,
                    ..row.clone()
                }));
            }
            gave.put(row, standing);
        }
        Ok(())
    }

    async fn intend_all(
        &self,
        rows: Vec<Provision>,
    ) -> Result<Vec<(Provision, Intent)>, StoreError> {
        let at = clock::now();
        self.store
            .write_before_call(move |db| {
                let intend = |row: Provision| {
                    let intent = Provisions::intend(db, &row, at)?;
                    Ok((row, intent))
                };
                rows.into_iter().map(intend).collect()
            })
            .await
    }

    async fn settle_all(
        &self,
        rows: Vec<Provision>,
        answers: Vec<Answered>,
    ) -> Result<Vec<(Provision, Standing)>, StoreError> {
        let at = clock::now();
        self.store
            .write(move |db| {
                let settle = |(row, answered): (Provision, Answered)| {
                    let standing = Provisions::settle(db, &row, &answered, at)?.standing();
                    Ok((row, standing))
                };
                rows.into_iter().zip(answers).map(settle).collect()
            })
            .await
    }
}
