/// Whom ours is held against: the first word of a measurement's path, whose other words name one of its forms.
enum Peer: String {
  case torch
  /// PyTorch under autocast: held apart, since it rounds to bf16.
  case torchBF16 = "torch-bf16"
  case openblas

  init?(path: String) { self.init(rawValue: String(path.prefix { $0 != " " })) }

  var name: String {
    switch self {
    case .torch: "PyTorch"
    case .torchBF16: "PyTorch in bf16"
    case .openblas: "OpenBLAS"
    }
  }
}
