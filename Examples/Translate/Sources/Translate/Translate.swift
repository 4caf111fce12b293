import Attention
import Seq2Seq

@main
struct Translate {
  static func main() throws {
    let keys = try Tensor([1, 0, 0, 1, 1, 1], shape: [1, 3, 2])
    var query = Tensor(zeros: [1, 1, 2])
    query[0, 0, 1] = 2
    print("keys", keys.shape, keys.elements)
    print("query", query.shape, query.elements)
  }
}
