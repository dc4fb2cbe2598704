//! The task that a form means; or what is wrong with it, for its writer.

use jiff::civil::{Date, DateTime, Time};
use yoshi_client::moment;
use yoshi_protocol::{AccountName, Kind, NewTask, TaskId, When};

use super::Draft;
use crate::clock::Clock;
use crate::word;

impl Draft {
    /// The task that the form means.
    ///
    /// # Errors
    /// What is wrong, for its writer.
    pub(in crate::page::compose) fn task(&self, clock: &Clock) -> Result<NewTask, String> {
        let recipients = self.recipients()?;
        if self.title.trim().is_empty() {
            return Err("Say in a few words what you want.".to_owned());
        }
        let mut task = NewTask::new(self.title.trim(), recipients);
        task.id = self
            .id
            .parse::<TaskId>()
            .map_err(|_| "This form is broken: begin a new task.".to_owned())?;
        task.kind = self.kind();
        if task.kind == Kind::Decide {
            task.options = lines(&self.options);
        }
        // Browsers send CRLF; other control characters are nobody's intention.
        let body = self.body.replace("\r\n", "\n");
        task.body = body
            .chars()
            .filter(|char| !char.is_control() || matches!(char, '\n' | '\t'))
            .collect();
        task.due = self.due(clock)?;
        if let Ok(importance) = self.importance.parse() {
            task.importance = importance;
        }
        task.labels = self.labels();
        task.start = moment("Not before", &self.start, clock)?;
        task.respond_by = moment("Answer by", &self.respond_by, clock)?;
        task.effort = self.effort()?;
        task.links = lines(&self.links);
        let chosen = |name: &str| {
            word::COMPLETIONS
                .iter()
                .find(|(_, known, _)| *known == name)
        };
        task.completion = chosen(&self.completion).map_or(task.completion, |found| found.0);
        let chosen = |name: &str| word::PRIVACIES.iter().find(|(_, known, _)| *known == name);
        task.privacy = chosen(&self.privacy).map_or(task.privacy, |found| found.0);
        Ok(task)
    }

    fn recipients(&self) -> Result<Vec<AccountName>, String> {
        let words = self.to.split([' ', ',', ';', '\t', '\n', '\r']);
        let mut names = Vec::new();
        for word in words.map(|word| word.trim_start_matches('@')) {
            if word.is_empty() {
                continue;
            }
            let name = AccountName::new(&word.to_lowercase())
                .map_err(|_| format!("“{word}” is no account name."))?;
            if !names.contains(&name) {
                names.push(name);
            }
        }
        match names.is_empty() {
            true => Err("Who is asked? Give at least one name.".to_owned()),
            false => Ok(names),
        }
    }

    fn due(&self, clock: &Clock) -> Result<Option<When>, String> {
        let (day, time) = (self.due_day.trim(), self.due_time.trim());
        let day = match day {
            "" if time.is_empty() => return Ok(None),
            "" => clock.today(),
            // A browser without a field for days sends what was typed.
            day => match day.parse::<Date>() {
                Ok(day) => day,
                Err(_) => return moment("Due", &format!("{day} {time}"), clock),
            },
        };
        match time {
            "" => Ok(Some(When::Day(day))),
            time => {
                let time: Time = time
                    .parse()
                    .map_err(|_| format!("Due: “{time}” is no time; for example 16:00."))?;
                Ok(Some(clock.moment(day.to_datetime(time))))
            }
        }
    }

    fn labels(&self) -> Vec<String> {
        labels(&self.labels)
    }

    /// Hours with a point, or `90m`, `2h`.
    fn effort(&self) -> Result<Option<u32>, String> {
        let text = self.effort.trim().to_lowercase();
        if text.is_empty() {
            return Ok(None);
        }
        let minutes = match (text.strip_suffix('h'), text.strip_suffix('m')) {
            (Some(hours), _) => hours
                .trim()
                .parse::<u32>()
                .ok()
                .and_then(|hours| hours.checked_mul(60)),
            (_, Some(minutes)) => minutes.trim().parse().ok(),
            _ => text.parse().ok(),
        };
        minutes
            .map(Some)
            .ok_or_else(|| format!("Effort: “{text}” is not understood; for example 90m or 2h."))
    }
}

fn lines(text: &str) -> Vec<String> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.map(str::to_owned).collect()
}

/// A moment from a browser's field for one, or as people type it.
fn moment(field: &str, text: &str, clock: &Clock) -> Result<Option<When>, String> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    if let Ok(moment) = text.parse::<DateTime>()
        && text.contains('T')
    {
        return Ok(Some(clock.moment(moment)));
    }
    moment::parse(text, clock.now()).map(Some).ok_or_else(|| {
        format!("{field}: “{text}” is no date; for example 2026-11-27, friday, tomorrow 16:00.")
    })
}

/// Labels as people write them: each once, without the mark that people write before them.
pub(crate) fn labels(text: &str) -> Vec<String> {
    let mut labels: Vec<String> = Vec::new();
    for label in text.split([' ', ',', '\t', '\r', '\n']) {
        let label = label.trim_start_matches('#');
        if !label.is_empty() && !labels.iter().any(|known| known == label) {
            labels.push(label.to_owned());
        }
    }
    labels
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quick;
    use crate::visitor::Form;

    fn clock() -> Clock {
        Clock::at("2026-11-23T10:00:00+01:00[Europe/Berlin]".parse().unwrap())
    }

    fn draft(fields: &str) -> Draft {
        let id = "task=01935b7e-0000-7000-8000-000000000001&";
        Draft::from_form(&Form::parse(format!("{id}{fields}").as_bytes()))
    }

    #[test]
    fn a_line_and_its_form_mean_the_same() {
        let line = "@ana @ben decide: ship? by fri 4pm !high #x";
        let mut from_line = Draft::from_line(&quick::understand(line, &clock()), &clock());
        from_line.id = draft("").id;
        let task = from_line.task(&clock()).unwrap();
        let same = draft(
            "to=ana,+@Ben&title=+ship?+&kind=decide&options=yes%0D%0A%0D%0Ano&due_day=2026-11-27\
             &due_time=16:00&importance=3&labels=%23x",
        );
        assert_eq!(same.task(&clock()).unwrap(), task);
        assert_eq!(task.check(), Ok(()));
        let due = task.due.unwrap().to_string();
        assert_eq!(due, "2026-11-27T16:00:00[Europe/Berlin]");
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (fields, words) in [
            ("title=x", "Who is asked"),
            ("to=a.b&title=x", "“a.b” is no account name"),
            ("to=ana", "what you want"),
            ("to=ana&title=x&due_day=soon", "Due: “soon”"),
            ("to=ana&title=x&due_day=2026-11-27&due_time=late", "no time"),
            ("to=ana&title=x&effort=much", "Effort"),
            ("to=ana&title=x&respond_by=never", "Answer by"),
        ] {
            let wrong = draft(fields).task(&clock()).unwrap_err();
            assert!(wrong.contains(words), "{fields}: {wrong}");
        }
    }

    #[test]
    fn fields_of_browsers_and_of_people() {
        let task = draft(
            "to=ana&title=x&due_day=tomorrow&start=2026-11-24T09:30&respond_by=today+17:00&effort=2h\
             &completion=any&privacy=public&links=https://a.example%0A&body=a%0D%0Ab%00",
        );
        let task = task.task(&clock()).unwrap();
        let text = |when: Option<When>| when.unwrap().to_string();
        assert_eq!(text(task.due.clone()), "2026-11-24");
        assert_eq!(
            text(task.start.clone()),
            "2026-11-24T09:30:00[Europe/Berlin]"
        );
        assert_eq!(
            text(task.respond_by.clone()),
            "2026-11-23T17:00:00[Europe/Berlin]"
        );
        assert_eq!((task.effort, task.body.as_str()), (Some(120), "a\nb"));
        assert_eq!(task.links, ["https://a.example"]);
        assert_eq!(task.check(), Ok(()));
    }
}
