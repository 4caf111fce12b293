/// A day of the Gregorian calendar, without a time zone.
struct CalendarDate: Hashable, Sendable {
  let year: Int
  let month: Int
  let day: Int

  /// The day that lies `days` after 1970-01-01.
  ///
  /// The calendar repeats every 400 years (an era of 146,097 days); a year that starts in March has its leap
  /// day at its end (Hinnant, "chrono-compatible low-level date algorithms").
  init(daysSince1970 days: Int) {
    let shifted = days + 719_468
    let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
    let dayOfEra = shifted - era * 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let monthFromMarch = (5 * dayOfYear + 2) / 153
    day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
    month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
    year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    weekday = ((days + 4) % 7 + 7) % 7
  }

  /// 0 for a Sunday.
  let weekday: Int
}

extension CalendarDate {
  var weekdayName: String {
    ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"][weekday]
  }

  var monthName: String {
    [
      "January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
      "November", "December",
    ][month - 1]
  }

  /// The ISO 8601 form, such as 1979-05-03.
  var iso8601: String { "\(year)-\(Self.padded(month))-\(Self.padded(day))" }

  /// The day with its ending: 1st, 2nd, 3rd, 4th, 11th.
  var ordinal: String {
    switch (day % 10, day) {
    case (_, 11...13): "\(day)th"
    case (1, _): "\(day)st"
    case (2, _): "\(day)nd"
    case (3, _): "\(day)rd"
    default: "\(day)th"
    }
  }

  /// A number in two digits.
  static func padded(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
}
