//! The table of estimates for people.

use std::io::{self, Write};

use genie_model::Estimate;

use super::cost::{DAY, Hardware, MEMORIES, ModelCost};

/// Prints a table with one row per quantity and one column per model.
///
/// # Errors
/// If the output is closed.
pub fn print(out: &mut impl Write, models: &[ModelCost; 3], hardware: &Hardware) -> io::Result<()> {
    let mut line = |name: &str, value: &dyn Fn(&ModelCost) -> String| {
        let values = models.each_ref().map(|model| format!("{:>20}", value(model))).concat();
        writeln!(out, "{name:<36}{values}")
    };
    line("", &|model| model.name.to_owned())?;
    line("parameters", &|model| count(model.plain.parameters as f64))?;
    line("weights, gradients, moments (f32)", &|model| bytes(model.plain.model_bytes))?;
    // A row without recompute, and one with it.
    let mut both = |name: &str, value: &dyn Fn(&Estimate) -> String| {
        line(name, &|model| value(&model.plain))?;
        line("  with recompute", &|model| value(&model.recompute))
    };
    both("activations, micro-batch (f32)", &|model| bytes(model.activation_bytes))?;
    both("together", &|model| bytes(model.bytes()))?;
    if hardware.devices > 1 {
        both("together, on each device", &|model| bytes(hardware.bytes(model)))?;
        line("  and shard_weights", &|model| bytes(hardware.bytes(&model.sharded)))?;
    }
    for gib in MEMORIES {
        line(&format!("fits into {gib} GiB"), &|model| model.fit(hardware, gib).to_owned())?;
    }
    line("tokens per step", &|model| count(model.plain.rows as f64))?;
    line("FLOPs per step", &|model| format!("{:.2e}", model.plain.flops_per_step))?;
    line("steps", &|model| count(model.plain.steps as f64))?;
    line("FLOPs", &|model| format!("{:.2e}", model.plain.flops()))?;
    let devices = match hardware.devices {
        1 => "time on one such device".to_owned(),
        several => format!("time on {several} such devices"),
    };
    let seconds = |model: &Estimate| hardware.seconds(model).map_or_else(|| "–".to_owned(), time);
    line(&devices, &|model| seconds(&model.plain))?;
    line("  with recompute", &|model| seconds(&model.recompute))?;
    if hardware.devices > 1 {
        let moved = |model: &Estimate| bytes(hardware.moved(model));
        line("moved to and from the first, a step", &|model| moved(&model.plain))?;
        line("  with shard_weights", &|model| moved(&model.sharded))?;
        writeln!(
            out,
            "\nThe devices share the micro-batches, and divide gradients and moments. Each has all \
             weights, except with shard_weights. The time is without that of moving weights and \
             gradients. –: the number of micro-batches (`accumulate`) is not a multiple of {}.",
            hardware.devices
        )?;
    }
    Ok(())
}

fn count(value: f64) -> String {
    match value {
        1e9.. => format!("{:.2} G", value / 1e9),
        1e6.. => format!("{:.1} M", value / 1e6),
        1e4.. => format!("{:.0} k", value / 1e3),
        _ => format!("{value:.0}"),
    }
}

fn bytes(value: u64) -> String {
    let value = value as f64;
    if value >= 1e9 { format!("{:.1} GB", value / 1e9) } else { format!("{:.1} MB", value / 1e6) }
}

fn time(seconds: f64) -> String {
    match seconds {
        DAY.. => format!("{:.1} days", seconds / DAY),
        3600.0.. => format!("{:.1} hours", seconds / 3600.0),
        60.0.. => format!("{:.1} minutes", seconds / 60.0),
        _ => format!("{seconds:.1} s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Catches: units are wrong by a factor of a thousand or of sixty.
    #[test]
    fn quantities_are_shown_in_units_that_fit() {
        assert_eq!(
            [count(8.0), count(12_000.0), count(41.3e6), count(10.1e9)],
            ["8", "12 k", "41.3 M", "10.10 G"]
        );
        assert_eq!([bytes(640_000), bytes(80_000_000_000)], ["0.6 MB", "80.0 GB"]);
        assert_eq!(
            [time(59.0), time(90.0), time(5400.0), time(129_600.0)],
            ["59.0 s", "1.5 minutes", "1.5 hours", "1.5 days"]
        );
    }
}
