//! A hundred KPIs over the sample company: one evaluation of all of them.

use chrono::Duration;
use keepwell::store::customers::sample::SampleCompany;
use keepwell::worker::runs::scheduler;

use crate::Options;
use crate::support::world::{World, at};

/// How many there are.
const KPIS: usize = 100;

/// How long all of them may take.
const GOAL: std::time::Duration = std::time::Duration::from_secs(1);

/// The shipped ones in several versions, each with windows and percents of its own, so
/// that hardly two ask the same.
fn documents() -> anyhow::Result<Vec<String>> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("playbooks/portfolio/kpi");
    let mut shipped = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let text = std::fs::read_to_string(entry?.path())?;
        // Their cases say nothing of other windows.
        shipped.push(text.split("\ntests:").next().unwrap_or_default().to_owned() + "\n");
    }
    shipped.sort();
    let version = |number: usize| {
        let (text, more) = (&shipped[number % shipped.len()], number / shipped.len());
        let mut text = text.replacen("kpi: ", &format!("kpi: v{more}-"), 1);
        for (from, days) in [("ago(30)", 30), ("ago(90)", 90), (", 90)", 90), ("< 180", 180), (", 365)", 365)] {
            text = text.replace(from, &from.replace(&days.to_string(), &(days + more).to_string()));
        }
        text
    };
    Ok((0..KPIS).map(version).collect())
}

pub async fn measure(options: &Options) -> anyhow::Result<()> {
    let world = World::new().await;
    let anchor = at("2026-03-02T09:00:00Z");
    SampleCompany::generate(anchor, 320).insert(world.store().pool(), |_, _, _| {}).await?;
    world.sql("analyze").await;
    for text in documents()? {
        world.playbook(&text);
    }
    world.publish_at("2026-03-02T09:00:00Z").await;
    // Compiles them.
    scheduler::manual(&world.shared, anchor).await?;
    let mut times = Vec::new();
    for round in 1..=options.rounds {
        let slot = anchor + Duration::minutes(i64::try_from(round)?);
        let start = std::time::Instant::now();
        scheduler::manual(&world.shared, slot).await?;
        times.push(start.elapsed());
        let made: Vec<_> = world.store().latest_kpis(slot).await?.into_iter().filter(|row| row.at == slot).collect();
        anyhow::ensure!(made.len() == KPIS, "{} of {KPIS} are there", made.len());
        let figures = made.iter().filter(|row| row.value.is_some()).count();
        anyhow::ensure!(figures > KPIS * 9 / 10, "{figures} of {KPIS} have a figure");
    }
    times.sort();
    let (median, slowest) = (times[times.len() / 2], times[times.len() - 1]);
    let verdict = if median < GOAL { "kept" } else { "missed" };
    println!(
        "  {KPIS} KPIs over 320 accounts: {:.0} ms (slowest {:.0} ms); goal under {} ms: {verdict}",
        median.as_secs_f64() * 1e3,
        slowest.as_secs_f64() * 1e3,
        GOAL.as_millis()
    );
    Ok(())
}
