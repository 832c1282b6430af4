// Graphs: checked as the driver would, run node by node.
#include "tests/cuda/mock/State.h"

#include "runtime/base/Format.h"

#include <cstring>

namespace ingot::mock {

Code checkKernelNode(const KernelNodeParams &params) {
  if (!params.function || !params.params || params.extra)
    return kInvalidValue;
  const uint64_t threads = uint64_t(params.blockX) * params.blockY * params.blockZ;
  if (params.gridX == 0 || params.gridY == 0 || params.gridZ != 1 || params.gridY > 65535 ||
      params.gridX > 0x7fffffffu || threads == 0 || threads > 1024)
    return kInvalidValue;
  return kSuccess;
}

Code checkCopy(const CopyParams &params) {
  const State &s = state();
  const bool up = params.srcType == kMemoryHost && params.dstType == kMemoryDevice;
  const bool down = params.srcType == kMemoryDevice && params.dstType == kMemoryHost;
  if (up == down || params.widthBytes == 0 || params.height != 1 || params.depth != 1)
    return kInvalidValue;
  if (!s.isDevice(up ? params.dstDevice : params.srcDevice, params.widthBytes))
    return kInvalidValue;
  if (!s.isPinned(up ? params.srcHost : params.dstHost, params.widthBytes))
    state().violation("a graph copies from or to memory of the host that is not pinned");
  return kSuccess;
}

static std::string describe(const CopyParams &copy) {
  return format("copy %s %zu", copy.srcType == kMemoryHost ? "up" : "down", copy.widthBytes);
}

static std::string describe(const NodeRecord &node) {
  if (node.isKernel)
    return format("kernel %s grid %ux%u threads %u shared %u", node.function->name.c_str(),
                  node.kernel.gridX, node.kernel.gridY, node.kernel.blockX,
                  node.kernel.sharedBytes);
  return describe(node.copy);
}

/// The nodes in an order in which each comes after those it depends on; empty for a cycle.
static std::vector<NodeRecord *> sorted(const GraphRecord &graph) {
  std::map<const NodeRecord *, size_t> waits;
  for (const GraphRecord::Edge &edge : graph.edges)
    ++waits[edge.to];
  std::vector<NodeRecord *> order;
  for (const auto &node : graph.nodes)
    if (waits[node.get()] == 0)
      order.push_back(node.get());
  for (size_t i = 0; i < order.size(); ++i)
    for (const GraphRecord::Edge &edge : graph.edges)
      if (edge.from == order[i] && --waits[edge.to] == 0)
        order.push_back(edge.to);
  return order.size() == graph.nodes.size() ? order : std::vector<NodeRecord *>();
}

static Code checkEdges(const GraphRecord &graph) {
  const Machine &machine = state().machine;
  for (const GraphRecord::Edge &edge : graph.edges) {
    if (edge.data.type == 0 && edge.data.fromPort == 0)
      continue;
    const bool known = machine.capabilityMajor >= 9 || machine.capabilityMajor == 0;
    if (!known || machine.driverVersion < 12030)
      return kNotSupported;
    if (!edge.from->isKernel || !edge.to->isKernel || edge.data.type != kEdgeProgrammatic ||
        edge.data.fromPort != kPortProgrammatic)
      return kInvalidValue;
  }
  return kSuccess;
}

/// "graph 1 slots fake_append 7f..., ...": the addresses that a kernel is given.
static std::string slotsOf(uint64_t number, const NodeRecord &node) {
  std::string line = format("graph %llu slots %s", static_cast<unsigned long long>(number),
                            node.function->name.c_str());
  for (const uint64_t slot : node.slots)
    line += format(" %llu", static_cast<unsigned long long>(slot));
  return line + "\n";
}

Code instantiate(GraphExec *exec, GraphRecord &graph, InstantiateParams &params) {
  State &s = state();
  const std::vector<NodeRecord *> order = sorted(graph);
  if (order.empty() && !graph.nodes.empty())
    return kInvalidValue;
  if (const Code code = checkEdges(graph); code != kSuccess)
    return code;
  auto made = std::make_unique<GraphExecRecord>();
  made->number = ++s.execCount;
  std::vector<NodeRecord> nodes;
  std::map<const NodeRecord *, size_t> index;
  for (NodeRecord *node : order) {
    const bool tooMuch = node->isKernel && node->kernel.sharedBytes > node->function->dynamicShared;
    const bool tooWide =
        node->isKernel && node->function->module->launch &&
        node->kernel.blockX > node->function->module->kernels[node->function->name].maxThreads;
    if (tooMuch || tooWide) {
      params.errorNode = node;
      return kInvalidValue;
    }
    index[node] = nodes.size();
    nodes.push_back(*node);
    if (node->isKernel) {
      s.graphs += slotsOf(made->number, *node);
    } else {
      made->place[node] = made->copies.size();
      made->copies.push_back(node->copy);
    }
    s.graphs += format("graph %llu node %s\n", static_cast<unsigned long long>(made->number),
                       describe(*node).c_str());
  }
  for (const GraphRecord::Edge &edge : graph.edges)
    s.graphs +=
        format("graph %llu edge %zu %zu %s\n", static_cast<unsigned long long>(made->number),
               index[edge.from], index[edge.to], edge.data.type ? "programmatic" : "full");
  made->nodes = std::make_shared<const std::vector<NodeRecord>>(std::move(nodes));
  *exec = made.get();
  s.execs.emplace(made.get(), std::move(made));
  return kSuccess;
}

Code runGraph(uint64_t number, const std::vector<NodeRecord> &nodes,
              const std::vector<CopyParams> &copies) {
  State &s = state();
  auto copy = copies.begin();
  for (const NodeRecord &node : nodes) {
    if (node.isKernel) {
      if (const Code code = launchKernel(node); code != kSuccess)
        return code;
      continue;
    }
    const CopyParams &now = *copy++;
    if (checkCopy(now) != kSuccess) {
      s.violation("a graph copies memory that is no longer there");
      return kIllegalAddress;
    }
    const bool up = now.srcType == kMemoryHost;
    std::memcpy(up ? reinterpret_cast<void *>(now.dstDevice) : now.dstHost,
                up ? now.srcHost : reinterpret_cast<const void *>(now.srcDevice), now.widthBytes);
    s.graphs +=
        format("run %llu %s\n", static_cast<unsigned long long>(number), describe(now).c_str());
  }
  return kSuccess;
}

} // namespace ingot::mock
