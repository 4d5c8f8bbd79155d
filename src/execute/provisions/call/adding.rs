//! The calls that add people to a team, one or many, and what their answers say of each.

use std::collections::{HashMap, HashSet};

use super::{done, failed, not_configured};
use crate::domain::{Answered, Email, Flags, Provided, ProvisionState};
use crate::execute::provisions::Give;
use crate::plan::provision::not_with_an_invite;
use crate::providers::CallError;
use crate::providers::sapling::{self, Added, Writer};
use crate::store::Provision;

pub(super) async fn add(writer: &Writer, team: &str, email: &Email, flags: Flags) -> Answered {
    let asked = sapling::Flags::set(flags, true);
    match writer.add(team, email, asked).await {
        Ok(answer) => Answers::of(&answer).about(email, flags),
        Err(error) => failed(&error),
    }
}

/// What came of adding several people in one call.
pub(crate) enum Many {
    /// For each of them, in order.
    Each(Vec<Answered>),
    /// Refused as a whole for what was sent: one of them may be the reason, and nobody was added.
    RefusedWhole(Answered),
}

/// Adds several people to a team with the same flags.
pub(crate) async fn send_many(give: &Give<'_>, people: &[Provision], flags: Flags) -> Many {
    let Some(first) = people.first() else {
        return Many::Each(Vec::new());
    };
    let account = give.services.teams.get(first.target.account());
    let team = give.team_ids.get(&first.target.id());
    let (Some(account), Some(team)) = (account, team) else {
        return Many::Each(people.iter().map(not_configured).collect());
    };
    let emails: Vec<Email> = people.iter().map(|p| p.email.clone()).collect();
    let asked = sapling::Flags::set(flags, true);
    let writer = account.writer.while_due(give.services.while_acting());
    match writer.add_many(team, &emails, asked).await {
        Ok(answer) => {
            let answers = Answers::of(&answer);
            Many::Each(emails.iter().map(|e| answers.about(e, flags)).collect())
        }
        Err(error) => {
            let answered = Answered {
                state: if may_be_done(&error) {
                    ProvisionState::Unknown
                } else {
                    ProvisionState::Failed
                },
                ..failed(&error)
            };
            match error.status() {
                Some(400) => Many::RefusedWhole(answered),
                _ => Many::Each(vec![answered; people.len()]),
            }
        }
    }
}

/// Whether some may have been added although the whole call failed. Only what was never sent, what
/// the document calls a refusal, and a limit on calls are surely a no.
fn may_be_done(error: &CallError) -> bool {
    match error.status() {
        Some(status) => !matches!(status, 400 | 401 | 403 | 429),
        None => error.is_unknown_outcome(),
    }
}

/// The four lists of an answer, by canonical address.
struct Answers<'a> {
    refused: HashMap<Email, &'a str>,
    /// With the flags that the answer shows.
    added: HashMap<Email, Flags>,
    invited: HashSet<Email>,
    already: HashSet<Email>,
}

impl<'a> Answers<'a> {
    fn of(answer: &'a Added) -> Self {
        let emails = |list: &[String]| list.iter().map(|email| Email::observed(email)).collect();
        let refused = answer.errors.iter();
        let added = answer.added.iter().map(|one| {
            let has = one.team_user.as_ref().map(Flags::from);
            (Email::observed(&one.email), has.unwrap_or_default())
        });
        Self {
            refused: refused
                .map(|one| (Email::observed(&one.email), one.reason.as_str()))
                .collect(),
            added: added.collect(),
            invited: emails(&answer.invited),
            already: emails(&answer.already_exists),
        }
    }

    fn about(&self, email: &Email, flags: Flags) -> Answered {
        if let Some(reason) = self.refused.get(email) {
            Answered {
                detail: Some(format!("the provider refused: {reason}")),
                ..Answered::new(ProvisionState::Refused)
            }
        } else if let Some(has) = self.added.get(email) {
            Answered {
                has: *has,
                ..done(Provided::Added)
            }
        } else if self.invited.contains(email) {
            Answered {
                detail: not_with_an_invite(flags),
                ..done(Provided::Invited)
            }
        } else if self.already.contains(email) {
            done(Provided::AlreadyExists)
        } else {
            Answered {
                detail: Some("the answer does not mention this address".to_owned()),
                ..Answered::new(ProvisionState::Unknown)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_person_is_found_in_the_four_lists_whatever_the_case() {
        let answer = Added {
            invited: vec!["B@Example.com".to_owned()],
            already_exists: vec!["c@example.com".to_owned()],
            errors: serde_json::from_str(r#"[{"email": "d@example.com", "reason": "blocked"}]"#)
                .unwrap(),
            added: serde_json::from_str(r#"[{"email": "A@example.com"}]"#).unwrap(),
        };
        let answers = Answers::of(&answer);
        let edit = Flags::only(crate::domain::Role::Edit);
        let about = |email| answers.about(&Email::observed(email), edit);
        let result = |email| about(email).result;
        assert_eq!(result("a@example.com"), Some(Provided::Added));
        assert_eq!(result("b@example.com"), Some(Provided::Invited));
        assert_eq!(result("c@example.com"), Some(Provided::AlreadyExists));
        assert_eq!(about("d@example.com").state, ProvisionState::Refused);
        assert_eq!(about("e@example.com").state, ProvisionState::Unknown);
        let said = about("b@example.com").detail;
        assert_eq!(
            said.as_deref(),
            Some("invited; edit is set once the invite is accepted")
        );
    }

    #[test]
    fn a_refusal_of_many_is_a_no_only_where_the_document_says_so() {
        let refused = |status| CallError::Refused {
            status,
            message: String::new(),
            retry_after: None,
            exists: false,
        };
        for status in [400, 401, 403, 429] {
            assert!(!may_be_done(&refused(status)), "{status}");
        }
        for status in [404, 413, 422, 500, 502, 503, 504] {
            assert!(may_be_done(&refused(status)), "{status}");
        }
        let reason = String::new();
        assert!(!may_be_done(&CallError::NotSent {
            reason: reason.clone()
        }));
        assert!(may_be_done(&CallError::Unanswered { reason }));
    }
}
