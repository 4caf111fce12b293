extension DateCorpus {
  /// One of the ways in which a day of 1950...2049 may be written.
  ///
  /// The forms are equally likely; half of those with words are in lower or upper case throughout.
  static func spelling(of date: CalendarDate, using generator: inout SeededGenerator) -> String {
    let months = months(of: date)
    let words = inWords(date, month: months[generator.integer(below: months.count)])
    let forms = words + inNumbers(date)
    let form = forms[generator.integer(below: forms.count)]
    switch generator.integer(below: 4) {
    case 0: return form.lowercased()
    case 1: return form.uppercased()
    default: return form
    }
  }

  /// The month in full, by its first three letters, and September also as Sept.
  private static func months(of date: CalendarDate) -> [String] {
    let name = date.monthName
    return [name, String(name.prefix(3))] + (date.month == 9 ? ["Sept"] : [])
  }

  private static func inWords(_ date: CalendarDate, month: String) -> [String] {
    let (day, ordinal, year) = (date.day, date.ordinal, date.year)
    let short = CalendarDate.padded(year % 100)
    let weekday = date.weekdayName
    return [
      "\(day) \(month) \(year)",
      "\(day) \(month), \(year)",
      "\(day) \(month) \(short)",
      "\(day)-\(month)-\(year)",
      "\(ordinal) \(month) \(year)",
      "\(ordinal) of \(month) \(year)",
      "the \(ordinal) of \(month) \(year)",
      "the \(ordinal) of \(month), \(year)",
      "\(month) \(day) \(year)",
      "\(month) \(day), \(year)",
      "\(month) \(ordinal), \(year)",
      "\(month) \(ordinal) \(year)",
      "\(month) the \(ordinal), \(year)",
      "\(year) \(month) \(day)",
      "\(weekday), \(day) \(month) \(year)",
      "\(weekday) \(day) \(month) \(year)",
      "\(weekday), \(month) \(day), \(year)",
      "\(weekday) the \(ordinal) of \(month) \(year)",
      "\(weekday.prefix(3)), \(day) \(month) \(year)",
      "\(weekday.prefix(3)) \(day) \(month) \(short)",
    ]
  }

  private static func inNumbers(_ date: CalendarDate) -> [String] {
    let (day, month, year) = (date.day, date.month, date.year)
    let (dd, mm, yy) = (CalendarDate.padded(day), CalendarDate.padded(month), CalendarDate.padded(year % 100))
    return [
      "\(dd)/\(mm)/\(year)", "\(day)/\(month)/\(year)", "\(dd)/\(mm)/\(yy)", "\(day)/\(month)/\(yy)",
      "\(dd).\(mm).\(year)", "\(day).\(month).\(year)", "\(dd).\(mm).\(yy)", "\(day).\(month).\(yy)",
      "\(dd)-\(mm)-\(year)", "\(dd) \(mm) \(year)",
      "\(year)-\(mm)-\(dd)", "\(year)/\(mm)/\(dd)", "\(year).\(mm).\(dd)", "\(year)\(mm)\(dd)",
    ]
  }
}
