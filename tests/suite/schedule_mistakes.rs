//! What authors are told about a schedule that cannot be read.

use chrono_tz::Tz;
use keepwell::playbook::schedule::{Schedule, warnings};

#[test]
fn every_mistake_has_a_message() {
    let table = [
        ("", 1, "this has none", "0 9 * * mon-fri"),
        ("9", 1, "five fields (minute, hour, day of month, month, day of week), and this has only one", "every value"),
        ("0 9 * *", 1, "this has 4", "every value"),
        ("0 0 9 * * mon", 11, "this has 6", "seconds and years"),
        ("0 0 9 * * mon 2027", 11, "this has 7", "seconds and years"),
        ("60 9 * * *", 1, "60 is out of range: the minute field goes from 0 to 59", ""),
        ("0 24 * * *", 3, "24 is out of range: the hour field goes from 0 to 23", "midnight is hour 0"),
        ("0 9 0 * *", 5, "0 is out of range: the day-of-month field goes from 1 to 31", ""),
        ("0 9 32 * *", 5, "the day-of-month field goes from 1 to 31", ""),
        ("0  9 1 13 *", 8, "13 is out of range: the month field goes from 1 to 12", ""),
        ("0 9 * * 8", 9, "8 is out of range: the day-of-week field goes from 0 to 7 (0 and 7 are Sunday)", ""),
        ("0 9 * * 99999999999", 9, "out of range", ""),
        ("0 9 * * mno", 9, "`mno` is not a value of the day-of-week field", "did you mean mon?"),
        ("0 9 * * monday", 9, "names from sun to sat", "did you mean mon?"),
        ("0 9 * * mon-fry", 9, "`fry` is not a value", "did you mean fri?"),
        ("0 9 * janu *", 7, "names from jan to dec", "did you mean jan?"),
        ("0 9 mon * *", 5, "`mon` is not a value of the day-of-month field", "`mon` belongs in the day-of-week field"),
        ("é 9 * * *", 1, "`é` is not a value of the minute field, which takes numbers from 0 to 59", ""),
        ("0 9 é * 8", 5, "`é`", ""),
        ("0 9 -3 * *", 5, "`-3` in the day-of-month field is incomplete", "ranges such as 1-5"),
        ("0 9 1-2-3 * *", 5, "`2-3` is not a value", ""),
        ("0 9 1, * *", 5, "a comma with nothing beside it", "1,15"),
        ("0 22-6 * * *", 3, "the range `22-6` in the hour field runs backwards", "write 22-23,0-6"),
        ("0 9 28-3 * *", 5, "runs backwards", "write 28-31,1-3"),
        ("*/0 9 * * *", 1, "the step of `*/0` in the minute field must be a number from 1 to 60", "*/15"),
        ("*/90 9 * * *", 1, "must be a number from 1 to 60", ""),
        ("*/x 9 * * *", 1, "must be a number from 1 to 60", ""),
        ("5/15 * * * *", 1, "`5/15` in the minute field has a step without a range", "write 5-59/15"),
        ("0 9 L * *", 5, "`L` (the last day) is not part of a schedule", "day 28"),
        ("0 9 * * 5L", 9, "`L` (the last day)", ""),
        ("0 9 15W * *", 5, "`W` (the working day nearest to a date)", "mon-fri"),
        ("0 9 LW * *", 5, "`W`", ""),
        ("0 9 * * mon#2", 9, "`#` (the second Monday", "every Monday"),
        ("0 9 ? * mon", 5, "`?` is not part of a schedule", "write *"),
        ("H 9 * * *", 1, "this sign is not part of a schedule", "use numbers"),
        ("0~30 9 * * *", 1, "this sign is not part of a schedule", ""),
        ("@reboot", 1, "`@reboot` has no meaning here", "@hourly"),
        ("@yearly", 1, "`@yearly`", "0 0 1 1 *"),
        ("@midnight", 1, "`@midnight`", "@daily"),
        ("@every 5m", 1, "`@every`", "*/15 * * * *"),
        (" @dayly", 2, "`@dayly` is not one of the known schedules", "did you mean @daily?"),
        ("@noon", 1, "not one of the known schedules", "@hourly, @daily, @weekly, @monthly"),
        ("@daily 9", 8, "nothing may follow `@daily`, and here is `9`", ""),
        ("0 9 31 2 *", 5, "never due: none of its months has a day 31", "between 1 and 28"),
        ("0 9 30-31 feb *", 5, "none of its months has a day 30", ""),
        ("0 9 31 apr,jun *", 5, "none of its months has a day 31", ""),
    ];
    for (text, column, message, help) in table {
        let error = Schedule::parse(text, Tz::UTC).expect_err(text);
        assert_eq!(error.column, column, "{text}: {error:?}");
        assert!(error.message.contains(message), "{text}: {error:?}");
        assert!(error.help.as_deref().unwrap_or_default().contains(help), "{text}: {error:?}");
    }
}

#[test]
fn what_is_likely_not_meant_is_said() {
    let both = "both day fields are set, and either is enough";
    let table = [
        ("* 9 * * *", 1, "every minute of that hour: sixty runs", "did you mean \"0 9 * * *\"?"),
        (" */1 9-17 * * mon", 2, "every minute of each of its hours", "did you mean \"0 9-17 * * mon\"?"),
        ("0 9 1-7 * mon", 5, "on each day `1-7` of a month and also on each `mon`", "\"0 9 * * mon\""),
        ("0 9 13 * fri", 5, both, "day(now)"),
        ("0 9 31 * *", 5, "lack it: February, April, June, September and November", "between 1 and 28"),
        ("0 9 15,30 * *", 5, "day 30 is left out in months that lack it: February", "between 1 and 28"),
        ("0 9 29 * *", 5, "lack it: February, but for leap years", "between 1 and 28"),
        ("0 9 31 3,4 *", 5, "lack it: April", ""),
    ];
    for (text, column, message, help) in table {
        let found = warnings(text);
        assert_eq!(found.len(), 1, "{text}: {found:?}");
        assert_eq!(found[0].column, column, "{text}: {found:?}");
        assert!(found[0].message.contains(message), "{text}: {found:?}");
        assert!(found[0].help.contains(help), "{text}: {found:?}");
    }
    for plain in [
        "0 9 * * mon-fri",
        "* * * * *",
        "*/5 9 * * *",
        "0 9 28-31 * *",
        "0 9 */2 * *",
        "0 9 */31,1-7 * mon",
        "0 9 31 1,3 *",
        "@monthly",
        "no schedule",
    ] {
        let found = warnings(plain);
        assert!(found.is_empty(), "{plain}: {found:?}");
    }
}
