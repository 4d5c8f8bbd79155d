//! The names of fields and headers that tell of a list, compared without case and punctuation.

/// What a field or header says about the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tells {
    /// Where the next part is, if there is one.
    Next,
    /// Whether there is more than this.
    More,
    /// Whether this is all of it.
    Whole,
    /// How many rows there are: in all, members of a team alone, its invites alone.
    Total(usize),
    /// Which page this is.
    Page,
    /// How many pages there are.
    Pages,
    /// How many rows a page can have.
    Size,
    /// That it went wrong.
    Error,
    /// Whether it went well.
    Success,
    /// Other signs may be nested in it.
    About,
}

/// Names in lower case, without punctuation, by what they say.
const SIGNS: [(Tells, &[&str]); 12] = [
    (
        Tells::Next,
        &[
            "next",
            "nextpage",
            "nextcursor",
            "nexttoken",
            "nextpagetoken",
            "nextpageurl",
            "nextpagelink",
            "nexturl",
            "nextlink",
            "nexthref",
            "nextmarker",
            "nextoffset",
            "nextstart",
            "nextkey",
            "odatanextlink",
            "continuation",
            "continuationtoken",
            "cursor",
            "lastevaluatedkey",
        ],
    ),
    (
        Tells::More,
        &[
            "more",
            "hasmore",
            "hasmoreitems",
            "hasmoreresults",
            "moreavailable",
            "moreitems",
            "moreresults",
            "morepages",
            "hasmorepages",
            "remaining",
            "remainingcount",
            "remainingitems",
            "itemsremaining",
            "hasnext",
            "hasnextpage",
            "truncated",
            "istruncated",
            "partial",
            "ispartial",
            "partialresults",
            "incomplete",
            "isincomplete",
            "incompleteresults",
        ],
    ),
    (
        Tells::Whole,
        &[
            "complete",
            "iscomplete",
            "last",
            "islast",
            "islastpage",
            "lastpage",
            "done",
            "finished",
        ],
    ),
    (
        Tells::Total(0),
        &[
            "total",
            "totalcount",
            "totalelements",
            "totalitems",
            "totalrecords",
            "totalresults",
            "totalrows",
            "totalsize",
            "count",
            "odatacount",
        ],
    ),
    (
        Tells::Total(1),
        &[
            "totalusers",
            "userstotal",
            "userscount",
            "usercount",
            "usertotal",
        ],
    ),
    (
        Tells::Total(2),
        &[
            "totalpendingusers",
            "pendinguserstotal",
            "pendinguserscount",
            "pendingcount",
        ],
    ),
    (
        Tells::Page,
        &["page", "currentpage", "pageno", "pagenumber", "pagenum"],
    ),
    (
        Tells::Pages,
        &[
            "pages",
            "totalpages",
            "totalpagecount",
            "pagestotal",
            "pagecount",
            "numpages",
            "lastpage",
        ],
    ),
    (
        Tells::Size,
        &[
            "limit",
            "perpage",
            "pagesize",
            "pagelimit",
            "pagelength",
            "itemsperpage",
            "resultsperpage",
            "rowsperpage",
            "maxresults",
            "maxpagesize",
            "maxitems",
            "size",
        ],
    ),
    (Tells::Error, &["error", "errors"]),
    (Tells::Success, &["success", "ok", "succeeded"]),
    (
        Tells::About,
        &[
            "links",
            "meta",
            "metadata",
            "responsemetadata",
            "page",
            "pagination",
            "paging",
            "pageinfo",
            "cursors",
        ],
    ),
];

/// What a name says; some mean different things by their value.
pub(super) fn what(name: &str) -> impl Iterator<Item = Tells> {
    let letters = name.chars().filter(char::is_ascii_alphanumeric);
    let plain: String = letters.map(|c| c.to_ascii_lowercase()).collect();
    let known = SIGNS
        .iter()
        .filter(move |(_, names)| names.contains(&plain.as_str()));
    known.map(|(tells, _)| *tells)
}
