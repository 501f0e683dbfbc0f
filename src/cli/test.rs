//! `sfsync test`: the inline tests of pipelines.

use serde::Serialize;

use super::bench;
use super::exit::{Exit, Failure};
use super::{Context, Screen, table};

/// Run the inline tests of pipelines; needs no system
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Pipelines; without names all
    names: Vec<String>,
    /// Only tests whose name contains this text
    #[arg(short = 'k', value_name = "TEXT")]
    chosen: Option<String>,
}

/// The JSON form of one pipeline.
#[derive(Debug, Serialize)]
pub(super) struct Tested {
    pub(super) pipeline: String,
    pub(super) passed: usize,
    pub(super) failed: Vec<FailedTest>,
}

/// A test that did not come out as expected.
#[derive(Debug, Serialize)]
pub(super) struct FailedTest {
    pub(super) name: String,
    pub(super) place: String,
    pub(super) mismatches: Vec<Difference>,
}

/// One difference.
#[derive(Debug, Serialize)]
pub(super) struct Difference {
    pub(super) expected: String,
    pub(super) got: String,
    pub(super) because: Option<String>,
}

pub(super) fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let workbench = bench::without_state(context)?;
    let known = workbench.names();
    if let Some(missing) =
        args.names.iter().find(|name| !known.iter().any(|known| known.as_str() == name.as_str()))
    {
        return Err(Failure::new(
            format!("there is no pipeline {missing} in {}", context.folder().display()),
            "",
        ));
    }
    let stories = workbench.stories(&args.names, args.chosen.as_deref());
    let tested: Vec<Tested> = stories
        .iter()
        .map(|(pipeline, results)| {
            let failed = results.iter().filter(|result| !result.passed());
            let failed: Vec<FailedTest> = failed
                .map(|result| FailedTest {
                    name: result.name.clone(),
                    place: workbench.place(result.span),
                    mismatches: result
                        .mismatches
                        .iter()
                        .map(|mismatch| Difference {
                            expected: mismatch.expected.clone(),
                            got: mismatch.got.clone(),
                            because: mismatch.because.clone(),
                        })
                        .collect(),
                })
                .collect();
            Tested { pipeline: pipeline.to_string(), passed: results.len() - failed.len(), failed }
        })
        .collect();
    let untold = untold(&known, &args.names, &workbench);
    let broken = !untold.is_empty();
    context.screen.show(&tested, || [render(&tested, context.screen), untold].concat());
    Ok(if broken || tested.iter().any(|tested| !tested.failed.is_empty()) {
        Exit::Errors
    } else {
        Exit::Done
    })
}

/// Files with errors cannot be tested, which must not look like success.
fn untold(
    known: &[crate::model::PipelineName],
    names: &[String],
    workbench: &crate::runtime::workbench::Workbench,
) -> String {
    let broken =
        known.iter().filter(|name| names.is_empty() || names.iter().any(|wanted| wanted == name.as_str()));
    let broken = broken.filter(|name| {
        let one = [name.to_string()];
        workbench.check(&one, false).errors > 0 && workbench.stories(&one, None).is_empty()
    });
    let lines: Vec<String> = broken
        .map(|name| format!("{name}  has errors, its tests cannot be run: sfsync check {name}\n"))
        .collect();
    lines.concat()
}

/// A line for each pipeline, three lines for each difference.
pub(super) fn render(tested: &[Tested], screen: Screen) -> String {
    if tested.is_empty() {
        return "No tests.\n".to_owned();
    }
    let width = tested.iter().map(|tested| tested.pipeline.chars().count()).max().unwrap_or_default();
    let mut text = String::new();
    for one in tested {
        let sum = if one.failed.is_empty() {
            screen.paint(&format!("{} passed", one.passed), "passed")
        } else {
            format!(
                "{} passed, {}",
                one.passed,
                screen.paint(&format!("{} failed", one.failed.len()), "failed")
            )
        };
        text.push_str(&format!("{:<width$}   {sum}\n", one.pipeline));
        let rows: Vec<Vec<String>> =
            one.failed.iter().map(|test| vec![test.name.clone(), test.place.clone()]).collect();
        let names = table::render(&[table::text("", 74), table::text("", 0)], &rows, table::plain);
        for (test, name) in one.failed.iter().zip(names.lines()) {
            text.push_str(&format!("  {name}\n"));
            for difference in &test.mismatches {
                text.push_str(&format!(
                    "    expected  {}\n    got       {}\n",
                    difference.expected, difference.got
                ));
                if let Some(because) = &difference.because {
                    text.push_str(&format!("    because   {because}\n"));
                }
            }
        }
    }
    text
}
