//! The colours of reports and letters: light ones stand in the templates, inline, and dark ones are
//! put over them by class, for mail programs and browsers that show a dark page.

use std::fmt::Write as _;
use std::sync::LazyLock;

/// A colour by the class of what has it.
struct Shade {
    class: &'static str,
    property: &'static str,
    #[cfg_attr(
        not(test),
        expect(
            dead_code,
            reason = "the templates have it inline, and a test compares the two"
        )
    )]
    light: &'static str,
    dark: &'static str,
}

const fn shade(
    class: &'static str,
    property: &'static str,
    light: &'static str,
    dark: &'static str,
) -> Shade {
    Shade {
        class,
        property,
        light,
        dark,
    }
}

const SHADES: [Shade; 12] = [
    shade("ink", "color", "#101828", "#e6e9ef"),
    shade("soft", "color", "#475467", "#a7b0bf"),
    shade("warn", "color", "#93370d", "#f2c27d"),
    shade("alarm", "color", "#b42318", "#ff9f96"),
    shade("paper", "background-color", "#ffffff", "#10141c"),
    shade("tile", "background-color", "#f5f6f8", "#1a212d"),
    shade("warn-paper", "background-color", "#fef4e6", "#2f2412"),
    shade("alarm-paper", "background-color", "#fdecea", "#341a18"),
    shade("bar", "background-color", "#3f5f8f", "#7ea2d8"),
    shade("line", "border-color", "#e4e7ec", "#2b3341"),
    shade("gap", "border-color", "#ffffff", "#10141c"),
    shade("alarm-line", "border-color", "#f3b4ae", "#6e322d"),
];

/// The style sheet of every page: nothing but the dark colours.
pub(super) static STYLE: LazyLock<String> = LazyLock::new(|| {
    let mut style = String::from(
        ":root{color-scheme:light dark;supported-color-schemes:light dark}\n\
         @media (prefers-color-scheme:dark){",
    );
    for shade in SHADES {
        let Shade {
            class,
            property,
            dark,
            ..
        } = shade;
        let _ = write!(style, ".{class}{{{property}:{dark}!important}}");
    }
    style.push('}');
    style
});

#[cfg(test)]
mod tests {
    use super::super::{Format, letter, render, sample};
    use super::*;

    /// What stands on what, and the least contrast: text has 4.5 (WCAG 2.2, 1.4.3), a bar 3
    /// (1.4.11).
    const PAIRS: [(&str, &[&str], f64); 5] = [
        ("ink", &["paper", "tile", "alarm-paper"], 4.5),
        ("soft", &["paper", "tile", "warn-paper", "alarm-paper"], 4.5),
        ("warn", &["paper", "warn-paper"], 4.5),
        ("alarm", &["paper", "alarm-paper"], 4.5),
        ("bar", &["tile", "paper"], 3.0),
    ];

    fn named(class: &str) -> Shade {
        let mut all = SHADES.into_iter();
        all.find(|shade| shade.class == class).unwrap()
    }

    /// The relative luminance as WCAG defines it.
    fn luminance(colour: &str) -> f64 {
        let channel = |at: usize| {
            let value = u8::from_str_radix(&colour[at..at + 2], 16).unwrap();
            let value = f64::from(value) / 255.0;
            match value <= 0.040_45 {
                true => value / 12.92,
                false => ((value + 0.055) / 1.055).powf(2.4),
            }
        };
        0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5)
    }

    fn contrast(one: &str, other: &str) -> f64 {
        let (one, other) = (luminance(one), luminance(other));
        (one.max(other) + 0.05) / (one.min(other) + 0.05)
    }

    #[test]
    fn contrast_is_counted_as_wcag_counts_it() {
        assert!((contrast("#000000", "#ffffff") - 21.0).abs() < 0.001);
        assert!((contrast("#777777", "#ffffff") - 4.478).abs() < 0.001);
    }

    #[test]
    fn each_text_can_be_read_on_its_paper_by_day_and_by_night() {
        for (text, papers, least) in PAIRS {
            for paper in papers {
                let (text, paper) = (named(text), named(paper));
                for (one, other) in [(text.light, paper.light), (text.dark, paper.dark)] {
                    let ratio = contrast(one, other);
                    let (text, paper) = (text.class, paper.class);
                    assert!(
                        ratio >= least,
                        "{text} on {paper}: {one} {other} {ratio:.2}"
                    );
                }
            }
        }
    }

    /// Every colour that a page has inline is one of the palette, and its element has the class by
    /// which it becomes dark.
    #[test]
    fn no_colour_of_a_page_stays_light_at_night() {
        let summary = sample::lively();
        let letter = letter::hold(&summary, "01JD9Z0Q6H3C1B8FJ5E7K2M4TA");
        for page in [
            render(&summary, Format::Html).unwrap(),
            letter.html().unwrap(),
        ] {
            assert!(page.contains("<meta name=\"color-scheme\" content=\"light dark\">"));
            assert!(page.contains(STYLE.as_str()));
            let (_, body) = page.split_once("</head>").unwrap();
            let mut colours = 0;
            for tag in body.split('<').filter(|tag| tag.contains("style=\"")) {
                let (_, style) = tag.split_once("style=\"").unwrap();
                let (style, _) = style.split_once('"').unwrap();
                let classes = tag.split_once("class=\"").map_or("", |(_, rest)| rest);
                let classes: Vec<&str> = classes.split('"').next().unwrap().split(' ').collect();
                for rule in style.split(';') {
                    let Some((property, value)) = rule.split_once(':') else {
                        continue;
                    };
                    let Some(at) = value.find('#') else { continue };
                    let kind = match property {
                        "color" | "background-color" => property,
                        // The colour of text is that of a rule of the same name.
                        "border-left" => continue,
                        _ => "border-color",
                    };
                    colours += 1;
                    let has = SHADES.iter().any(|shade| {
                        shade.property == kind
                            && shade.light == &value[at..]
                            && classes.contains(&shade.class)
                    });
                    assert!(has, "{rule} has no class: <{tag}");
                }
            }
            assert!(colours > 20);
        }
    }
}
