-- Drives Neovim as its user would, with the configuration of docs/editors/neovim.md as init.lua and examples/train.py open:
-- findings, a fix from the menu, all safe fixes of engine.py, the manual, and an orderly end.
local function say(text) io.stdout:write(text .. "\n") end
local function fail(text)
  say("FAIL " .. text)
  vim.cmd("cquit 1")
end
local function wait(what, condition)
  if not vim.wait(30000, condition, 50) then fail("waited in vain for " .. what) end
  say("  " .. what)
end
local clients = vim.lsp.get_clients or vim.lsp.get_active_clients
local new = vim.fn.has("nvim-0.8") == 1
local function text() return table.concat(vim.api.nvim_buf_get_lines(0, 0, -1, false), "\n") end
local function found() return vim.diagnostic.get(0) end
local function names()
  local seen = {}
  for _, item in ipairs(found()) do seen[item.code or (item.user_data and item.user_data.lsp.code) or "?"] = true end
  return vim.tbl_keys(seen)
end
-- The action whose title or kind contains the text, as chosen in the menu.
local function choose(wanted, context)
  if new then
    local function fits(action) return (action.title .. (action.kind or "")):find(wanted, 1, true) ~= nil end
    vim.lsp.buf.code_action({ context = context, filter = fits, apply = true })
    return
  end
  vim.ui.select = function(items, _, choice)
    for _, item in ipairs(items) do
      if (item[2].title .. (item[2].kind or "")):find(wanted, 1, true) then return choice(item) end
    end
    fail("no action " .. wanted)
  end
  vim.lsp.buf.code_action(context)
end

say("  " .. vim.fn.matchstr(vim.fn.execute("version"), "NVIM v[0-9.]*"))
wait("findings of at least three rules", function() return #names() >= 3 end)
for _, item in ipairs(found()) do
  if item.source ~= "torchlint" then fail("a finding of " .. tostring(item.source)) end
end
local line = vim.fn.search("= model.state_dict()")
vim.api.nvim_win_set_cursor(0, { line, (vim.fn.getline(line):find("model.state_dict", 1, true)) })
local count = #found()
choose("Copy the weights")
wait("the fix", function() return text():find("copy.deepcopy(model.state_dict())", 1, true) ~= nil end)
wait("one finding less", function() return #found() == count - 1 end)
vim.cmd("silent write")

vim.cmd("silent edit engine.py")
wait("findings in engine.py", function() return #found() >= 3 end)
local where = found()[1]
vim.api.nvim_win_set_cursor(0, { where.lnum + 1, where.col })
local answers = vim.lsp.buf_request_sync(0, "textDocument/hover", vim.lsp.util.make_position_params(0, clients()[1].offset_encoding), 15000)
local manual = answers and vim.tbl_values(answers)[1]
if not (manual and manual.result and vim.inspect(manual.result.contents):find("###", 1, true)) then fail("no manual on the finding") end
local before = text()
if new then
  choose("source.fixAll.torchlint", { only = { "source.fixAll.torchlint" }, diagnostics = {} })
else
  choose("source.fixAll.torchlint", { only = { "source.fixAll" }, diagnostics = {} })
end
wait("all safe fixes", function() return text() ~= before end)
vim.cmd("silent write")
local client = clients()[1]
client.stop(new and client or nil)
wait("the end of the server", function() return #clients() == 0 end)
vim.cmd("qall!")
