//! Entries, day by day.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::super::links::Links;
use super::details::Limits;
use super::item::Item;
use super::trail;
use crate::entry::Entry;

/// A day with its entries.
pub(super) struct Day {
    pub(super) date: String,
    pub(super) name: String,
    pub(super) items: Vec<Item>,
}

/// The entries in their order, with a heading for each day.
pub(super) fn days(entries: &[Entry], links: &Links, zone: &TimeZone, is_trail: bool) -> Vec<Day> {
    let today = Timestamp::now().to_zoned(zone.clone()).date();
    let depths = if is_trail { trail::depths(entries) } else { Vec::new() };
    let first = entries.first().map(|entry| entry.occurred_at);
    let mut days: Vec<Day> = Vec::new();
    for (number, entry) in entries.iter().enumerate() {
        let mut item = Item::new(entry, links, zone, Limits::LISTED);
        if let (Some(depth), Some(first)) = (depths.get(number), first) {
            let later = trail::later(entry.occurred_at.duration_since(first));
            item = item.in_trail(*depth, if number == 0 { "start".to_owned() } else { later });
        }
        let date = entry.occurred_at.to_zoned(zone.clone()).date();
        let text = date.to_string();
        match days.last_mut().filter(|day| day.date == text) {
            Some(day) => day.items.push(item),
            None => days.push(Day { date: text, name: name(date, today), items: vec![item] }),
        }
    }
    days
}

fn name(date: Date, today: Date) -> String {
    if date == today {
        return "Today".to_owned();
    }
    if today.yesterday().is_ok_and(|yesterday| date == yesterday) {
        return "Yesterday".to_owned();
    }
    date.strftime("%A, %-d %B %Y").to_string()
}
