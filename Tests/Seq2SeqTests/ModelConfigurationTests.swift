import Seq2Seq
import Testing

@Suite("Configurations of models")
struct ModelConfigurationTests {
  @Test("configurations that cannot be are refused")
  func wrongConfigurations() {
    let wrong: [(inout ModelConfiguration) -> Void] = [
      { $0.hidden = 0 }, { $0.hidden = 7 }, { $0.layers = 0 }, { $0.embedding = -1 }, { $0.dropout = 1 },
      { $0.dropout = .nan }, { $0.recurrentDropout = 1 },
      { $0.initialRange = 0 }, { $0.initialRange = .infinity },
      { ($0.initialRange, $0.orthogonal) = (0.1, true) }, { $0.variational = true },
      { $0.maximumLength = 0 }, { $0.score = nil }, { $0.hidden = 65_536 },
      { $0.residual = true }, { $0.readout = .maxout },
      { $0.tied = true },
      { $0.window = .monotonic(radius: 0) }, { $0.window = .predictive(radius: -3) },
      { ($0.score, $0.window) = (.location, .monotonic(radius: 3)) }, { $0.scoreTemperature = 0.5 },
      { ($0.score, $0.scoreTemperature) = (.cosine, 0) },
      { ($0.score, $0.scoreTemperature) = (.cosine, .nan) },
      { ($0.score, $0.scoreTemperature) = (.cosine, 0x1p-140) },
      { ($0.score, $0.hidden, $0.maximumLength) = (.location, 2048, 1_000_000) },
      { $0.attentionDropout = 1 }, { $0.attentionDropout = -0.1 }, { $0.attentionDropout = .nan },
      { ($0.score, $0.inputFeeding, $0.attentionDropout) = (nil, false, 0.1) },
      { ($0.score, $0.inputFeeding, $0.window) = (nil, false, .monotonic(radius: 3)) },
    ]
    for change in wrong {
      var configuration = ModelConfiguration.luong()
      change(&configuration)
      #expect(throws: ModelError.self) { try configuration.sized(source: 5, target: 5) }
    }
    let wrongOfBahdanau: [(option: String, (inout ModelConfiguration) -> Void)] = [
      ("score", { $0.score = .dot }), ("score", { $0.score = nil }),
      ("bidirectional", { $0.bidirectional = false }), ("inputFeeding", { $0.inputFeeding = true }),
      ("hidden", { $0.hidden = 20_000 }),
      (
        "hidden",
        {
          $0.readout = .maxout
          $0.hidden = 7
        }
      ),
    ]
    for (option, change) in wrongOfBahdanau {
      var configuration = ModelConfiguration.bahdanau()
      change(&configuration)
      let error = #expect(throws: ModelError.self) { try configuration.sized(source: 5, target: 5) }
      guard case .configuration(option, _, _)? = error else {
        Issue.record("\(option): \(error.map { "\($0)" } ?? "no error")")
        continue
      }
    }
  }
}
