//! Which fields and headers make a list a part, and which do not.

use reqwest::header::{HeaderName, HeaderValue};

use super::*;

/// Why a team of one member and one invite is a part, with these fields beside the lists.
fn doubt(fields: &str) -> Option<String> {
    let fields: Map<String, Value> = serde_json::from_str(&format!("{{{fields}}}")).unwrap();
    let mut signs = PageSigns::default();
    for (name, value) in &fields {
        if PageSigns::knows(name) {
            signs.take(name, value);
        }
    }
    signs.doubt(1, Some(1))
}

/// The same with this header above it.
fn doubt_of(header: &str) -> Option<String> {
    let (name, value) = header.split_once(':').unwrap();
    let mut headers = HeaderMap::new();
    headers.append(
        HeaderName::from_bytes(name.as_bytes()).unwrap(),
        HeaderValue::from_str(value.trim()).unwrap(),
    );
    PageSigns::of_headers(&headers).doubt(1, Some(1))
}

#[test]
fn a_list_that_goes_on_elsewhere_is_a_part() {
    for (fields, why) in [
        (r#""has_more": true"#, "has_more is true"),
        (r#""HasMore": "True""#, "HasMore is True"),
        (r#""has-more": true"#, "has-more is true"),
        (r#""more": true"#, "more is true"),
        (r#""more": 7"#, "more is 7"),
        (r#""truncated": true"#, "truncated is true"),
        (r#""IsTruncated": true"#, "IsTruncated is true"),
        (r#""partial": true"#, "partial is true"),
        (r#""incomplete": true"#, "incomplete is true"),
        (
            r#""incomplete_results": true"#,
            "incomplete_results is true",
        ),
        (r#""is_last": false"#, "is_last is false"),
        (r#""last_page": false"#, "last_page is false"),
        (r#""complete": "false""#, "complete is false"),
        (r#""next": "/x?page=2""#, "next is set"),
        (r#""next_page": 2"#, "next_page is set"),
        (r#""next_cursor": "abc""#, "next_cursor is set"),
        (r#""next_page_token": "abc""#, "next_page_token is set"),
        (r#""next_token": "x""#, "next_token is set"),
        (r#""NextToken": "x""#, "NextToken is set"),
        (r#""@odata.nextLink": "/x""#, "@odata.nextLink is set"),
        (r#""continuationToken": "x""#, "continuationToken is set"),
        (r#""cursor": "x""#, "cursor is set"),
        (r#""links": {"next": "/x"}"#, "next is set"),
        (r#""_links": {"next": {"href": "/x"}}"#, "next is set"),
        (
            r#""links": [{"rel": "next", "href": "/x"}]"#,
            "a link to the next",
        ),
        (
            r#""meta": {"pagination": {"has_more": true}}"#,
            "has_more is true",
        ),
        (r#""pagination": {"next_page": 3}"#, "next_page is set"),
        (
            r#""page": 1, "total_pages": 2"#,
            "total_pages is 2, and this is page 1",
        ),
        (
            r#""totalPages": "3", "currentPage": "2""#,
            "totalPages is 3, and this is page 2",
        ),
        (
            r#""page": {"number": 0, "totalPages": 2}"#,
            "totalPages is 2, and this is page 1",
        ),
        (
            r#""meta": {"current_page": 1, "last_page": 2}"#,
            "last_page is 2, and this is page 1",
        ),
        (
            r#""paging": {"total_count": "3"}"#,
            "total_count is 3, and it has 2",
        ),
        (r#""total": 3"#, "total is 3, and it has 2"),
        (r#""done": false"#, "done is false"),
        (r#""remaining": 7"#, "remaining is 7"),
        (
            r#""LastEvaluatedKey": {"id": "m-9"}"#,
            "LastEvaluatedKey is set",
        ),
        (
            r#""meta": {"pagination": {"cursors": {"next": "abc"}}}"#,
            "next is set",
        ),
        (r#""count": 50"#, "count is 50, and it has 2"),
        (r#""total_users": 2"#, "total_users is 2, and it has 1"),
        (r#""pending_count": 2"#, "pending_count is 2, and it has 1"),
    ] {
        let said = doubt(fields).unwrap_or_default();
        assert_eq!(said, format!("a page of a longer list: {why}"), "{fields}");
    }
}

#[test]
fn a_list_that_ends_here_is_the_whole() {
    for fields in [
        r#""has_more": false"#,
        r#""has_more": "false", "more": 0, "truncated": null, "partial": """#,
        r#""incomplete": false, "is_truncated": "no", "complete": true, "last": "/x?page=1""#,
        r#""next": null, "next_cursor": "", "next_page": 0, "next_token": "null", "cursor": null"#,
        r#""links": {"self": "/x", "next": null, "last": "/x"}"#,
        r#""_links": {"next": {"href": null}}"#,
        r#""links": [{"rel": "self", "href": "/x"}]"#,
        r#""meta": {"pagination": {"page": 1, "per_page": 50}}"#,
        r#""meta": null, "pagination": 7"#,
        r#""page": 1, "total_pages": 1"#,
        r#""page": 0, "total_pages": 1"#,
        r#""page": 2, "total_pages": 2"#,
        r#""meta": {"current_page": 1, "last_page": 1}"#,
        r#""total_pages": 0"#,
        r#""total": 2"#,
        r#""total": 1"#,
        r#""count": 1, "total_users": 1"#,
        r#""error": null, "errors": [], "success": true, "ok": 1"#,
        r#""done": true, "remaining": 0, "LastEvaluatedKey": null"#,
        r#""next_steps": "invite more", "users_note": {"has_more": true}"#,
        r#""more": "see our other plans", "partial": {"of": "speech"}"#,
    ] {
        assert_eq!(doubt(fields), None, "{fields}");
    }
}

#[test]
fn a_header_above_a_list_tells_as_a_field_beside_it_does() {
    for (header, why) in [
        ("X-Has-More: true", "the header x-has-more is true"),
        ("X-Next-Page: 2", "the header x-next-page is set"),
        ("X-NextToken: abc", "the header x-nexttoken is set"),
        ("X-Truncated: yes", "the header x-truncated is yes"),
        (
            "X-Total-Count: 3",
            "the header x-total-count is 3, and it has 2",
        ),
        (
            "Total-Count: 3",
            "the header total-count is 3, and it has 2",
        ),
        ("X-Total: 3", "the header x-total is 3, and it has 2"),
        (
            "X-Total-Users: 2",
            "the header x-total-users is 2, and it has 1",
        ),
        (
            "X-Total-Pages: 2",
            "the header x-total-pages is 2, and this is page 1",
        ),
        ("X-WP-Total: 3", "the header x-wp-total is 3, and it has 2"),
        (
            "X-WP-TotalPages: 2",
            "the header x-wp-totalpages is 2, and this is page 1",
        ),
        (
            "X-Pagination-Page-Count: 2",
            "the header x-pagination-page-count is 2, and this is page 1",
        ),
        (
            "Content-Range: users 0-1/3",
            "the header content-range is 3, and it has 2",
        ),
        (
            r#"X-Pagination: {"TotalCount": 3}"#,
            "TotalCount is 3, and it has 2",
        ),
        ("Link: </x>; rel=next", "a Link header names the next page"),
    ] {
        let said = doubt_of(header).unwrap_or_default();
        assert_eq!(said, format!("a page of a longer list: {why}"), "{header}");
    }
    for header in [
        "X-Has-More: false",
        "X-Next-Page:",
        "X-Next-Page: null",
        "X-Total-Count: 2",
        "X-Total-Pages: 1",
        "X-Total: many",
        "X-Page: 1",
        "X-Count: 50",
        "X-Error: none at all",
        "X-RateLimit-Remaining: 7",
        "X-Remaining: 7",
        "X-RateLimit-Limit: 100",
        "Content-Range: users 0-1/*",
        "Content-Range: bytes 0-1/300",
        "X-Pagination: off",
        "Link: </x>; rel=prev",
    ] {
        assert_eq!(doubt_of(header), None, "{header}");
    }
}

#[test]
fn a_page_and_the_number_of_pages_are_told_by_headers_together() {
    let mut headers = HeaderMap::new();
    headers.append("x-page", HeaderValue::from_static("2"));
    headers.append("x-total-pages", HeaderValue::from_static("2"));
    headers.append("x-next-page", HeaderValue::from_static(""));
    assert_eq!(PageSigns::of_headers(&headers).doubt(0, None), None);
}

#[test]
fn a_number_of_users_is_none_of_teams() {
    let mut signs = PageSigns::default();
    signs.take("user_count", &7.into());
    assert_eq!(signs.doubt(2, None), None);
    assert!(signs.doubt(2, Some(0)).is_some());
    assert!(!signs.is_none() && PageSigns::default().is_none());
}

#[test]
fn an_error_beside_the_lists_is_no_reading() {
    let said = doubt(r#""error": "half of it""#).unwrap();
    assert_eq!(said, "an error beside the list: \"half of it\"");
    let said = doubt(r#""errors": ["half of it"]"#).unwrap();
    assert_eq!(said, "an error beside the list: [\"half of it\"]");
    let said = doubt(r#""success": false"#).unwrap();
    assert_eq!(said, "an error beside the list: success is false");
}

#[test]
fn a_next_page_is_known_by_its_relation() {
    let of = |text: &'static str| {
        let mut headers = HeaderMap::new();
        headers.append(LINK, HeaderValue::from_static("</style.css>; rel=preload"));
        headers.append(LINK, HeaderValue::from_static(text));
        has_next_page(&headers)
    };
    for text in [
        "<https://a.example/x?page=2>; rel=\"next\"",
        "</x?page=2>; rel=next",
        "</x?page=9>; rel=\"last\", </x?page=2>; title=a; Rel = \"NEXT\"",
        "</x>; rel=\"prefetch next\"",
    ] {
        assert!(of(text), "{text}");
    }
    for text in ["</x?rel=next>; rel=\"prev\"", "</next>; rel=nextish", ""] {
        assert!(!of(text), "{text}");
    }
    assert!(!has_next_page(&HeaderMap::new()));
}

#[test]
fn a_page_that_is_full_is_perhaps_a_part() {
    for (fields, name, size) in [
        (r#""limit": 2"#, "limit", 2),
        (r#""limit": 2, "offset": 0"#, "limit", 2),
        (r#""per_page": "1", "page": 1"#, "per_page", 1),
        (r#""meta": {"pagination": {"pageSize": 2}}"#, "pageSize", 2),
        (r#""page_size": 1"#, "page_size", 1),
        (r#""page": {"size": 2, "number": 0}"#, "size", 2),
        (r#""limit": 50, "per_page": 2"#, "per_page", 2),
        (r#""limit": 2, "total_users": 1"#, "limit", 2),
    ] {
        let said = doubt(fields).unwrap_or_default();
        let why = format!("as many rows as its page size of {size} ({name}), so there may be more");
        assert!(said.ends_with(&why), "{fields}: {said}");
    }
    let said = doubt_of("X-Per-Page: 2").unwrap_or_default();
    assert!(
        said.contains("page size of 2 (the header x-per-page)"),
        "{said}"
    );
}

#[test]
fn a_page_with_room_left_or_told_to_be_the_last_is_the_whole() {
    for fields in [
        r#""limit": 3"#,
        r#""limit": 50, "offset": 0"#,
        r#""page_size": 0, "size": null, "per_page": "all""#,
        r#""limit": 2, "has_more": false"#,
        r#""limit": 2, "next": null"#,
        r#""limit": 2, "total": 2"#,
        r#""limit": 1, "total_users": 1, "pending_count": 1"#,
        r#""per_page": 2, "page": 1, "total_pages": 1"#,
        r#""page": {"size": 2, "number": 0, "last": true}"#,
    ] {
        assert_eq!(doubt(fields), None, "{fields}");
    }
    for header in ["X-Per-Page: 50", "X-Limit: 2", "X-Size: 2"] {
        assert_eq!(doubt_of(header), None, "{header}");
    }
    // Two lists of three rows, each with a page of its own.
    let mut signs = PageSigns::default();
    signs.take("limit", &4.into());
    assert_eq!(signs.doubt(3, Some(3)), None);
    assert!(signs.doubt(4, Some(0)).is_some() && signs.doubt(5, None).is_some());
}
